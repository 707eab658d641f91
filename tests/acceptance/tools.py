"""What acceptance tests share: an account that is set up, waiting for a condition, reading a walk."""

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, TypeVar
from uuid import uuid4

from integrations.connectwise.simulator import RunningSimulator
from integrations.standard.simulator import RunningStandardSimulator
from tests.acceptance.canaries import STANDARD_SECRET
from worker.demo.service import RunningService

T = TypeVar("T")

#: Headers of a body that is JSON.
JSON = {"Content-Type": "application/json"}
TECHNICIAN = "jane.doe@acme.example"
FLOW = {
    "name": "VPN down",
    "start": "light",
    "nodes": {
        "light": {"question": "Is the link light on?", "answers": {"yes": "ping", "no": None}},
        "ping": {"question": "Does the gateway answer?", "answers": {"yes": None, "no": None}},
    },
}
RULES = {
    "rules": [
        {"when": {"summary": "*vpn*"}, "start": "flow", "flow": "VPN down"},
        {"when": {"summary": "*adhoc*"}, "start": "adhoc"},
    ],
    "on_resolve": {"status": ">Closed"},
    "on_escalate": {"status": "Escalated"},
}


SEND = """
import json, sys
from worker.celery import app
sent = [app.send_task(task, kwargs=arguments) for task, arguments in json.load(sys.stdin)]
print(json.dumps([task.get(timeout=30) for task in sent]))
"""


def wait_for(what: str, look: Callable[[], T | None], *, seconds: float = 30) -> T:
    """Return the first answer that is true. Fails the test once the time is over."""
    deadline = time.monotonic() + seconds
    while not (answer := look()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        Event().wait(0.05)
    return answer


@dataclass(frozen=True)
class Account:
    """An account that is set up: names to use in commands, and the URLs its connections listen at.

    Without connections of its own these are empty.
    """

    name: str
    connectwise: str = ""
    connectwise_url: str = ""
    standard: str = ""
    standard_url: str = ""

    @property
    def prefix(self) -> str:
        """What the names of its connections begin with."""
        return self.name.partition(" ")[0].lower()


def set_up_people(name: str, service: RunningService, path: Path) -> Account:
    """Make an account with a technician and a flow."""
    (path / "flow.json").write_text(json.dumps(FLOW))
    service.run("account", "add", name)
    service.run(
        *("user", "add", "--account", name, "--email", TECHNICIAN),
        *("--role", "l1_tech", "--psa-member", "jdoe"),
    )
    service.run("flow", "import", "--account", name, str(path / "flow.json"))
    return Account(name)


def set_up_account(
    name: str, service: RunningService, psa: RunningSimulator, tool: RunningStandardSimulator, path: Path
) -> Account:
    """The same with a ConnectWise and a standard connection."""
    prefix = set_up_people(name, service, path).prefix
    (path / "rules.json").write_text(json.dumps(RULES))
    credentials = [f"--credential={key}={value}" for key, value in psa.credentials.items()]
    connectwise = service.run(
        *("connection", "add", "--account", name, "--provider", "connectwise", "--name", f"{prefix}-cw"),
        *("--base-url", psa.base_url, "--rules", str(path / "rules.json"), *credentials),
    )
    standard = service.run(
        *("connection", "add", "--account", name, "--provider", "standard", "--name", f"{prefix}-std"),
        *("--base-url", tool.base_url, "--webhook-secret", tool.secret),
    )
    return Account(name, f"{prefix}-cw", connectwise["webhook_url"], f"{prefix}-std", standard["webhook_url"])


def walk_of(service: RunningService, ticket_id: str) -> dict[str, Any] | None:
    """Return the whole walk of a ticket, or None before it has one."""
    walks: Any = service.run("walk", "list", "--limit", "1000")
    found = next((walk["id"] for walk in walks if walk["ticket_id"] == ticket_id), None)
    return service.run("walk", "show", found) if found else None


def celery(service: RunningService, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Celery command against the service's home."""
    return subprocess.run(
        [sys.executable, "-m", "celery", "-A", "worker", *arguments],
        env=dict(service.environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def send(service: RunningService, calls: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Send tasks as a program of the customer's would, and return their results."""
    done = subprocess.run(
        [sys.executable, "-c", SEND],
        input=json.dumps(calls),
        env=dict(service.environment),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


def new_ticket() -> str:
    """Return a ticket id that no other test uses."""
    return f"T-{uuid4().hex[:12]}"


def signed(body: bytes, secret: str = STANDARD_SECRET) -> dict[str, str]:
    """Return Standard Webhooks headers, made here from the specification alone."""
    message_id, timestamp = f"msg_{uuid4().hex}", str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(
        key, b".".join([message_id.encode(), timestamp.encode(), body]), hashlib.sha256
    ).digest()
    return {
        **JSON,
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
