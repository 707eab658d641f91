"""Secrets and customers' words are planted everywhere, and everything that leaves the process is searched.

The service runs on servers of one's own: PostgreSQL behind a password, Redis behind TLS with a user that may
do only what docs/operations.md says.
"""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import psycopg
import pytest
import requests
from redis import Redis
from redis.exceptions import RedisError

from tests.acceptance.canaries import Canaries, spellings
from tests.acceptance.looking import dump as dump_of
from tests.acceptance.own_redis import certificate, over_tls, own_redis
from tests.acceptance.searching import searched_home
from tests.acceptance.tools import FLOW, JSON, TECHNICIAN, celery, signed, wait_for
from worker.demo.service import RunningService, running_service
from worker.runtime.home import Home


def _key(number: int) -> str:
    """Return a Fernet key: 32 bytes in base64."""
    return base64.urlsafe_b64encode(
        f"canary-secret-fernet-key-number-{number}"[:31].encode() + b"%d" % number
    ).decode()


WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"canary-secret-webhook-3f9a1c77").decode()
SECRETS = Canaries(
    {
        "the database's password": "canary-secret-database-password-91c2",
        "Redis's password": "canary-secret-redis-password-77ab",
        "the first secret key": _key(1),
        "the second secret key": _key(2),
        "a webhook secret": WEBHOOK_SECRET.removeprefix("whsec_"),
        "Flower's password": "canary-secret-flower-password-4c4c",
        "a webhook secret's bytes": "canary-secret-webhook-3f9a1c77",
        "an older webhook secret": base64.b64encode(b"canary-secret-older-00d1e2f3").decode(),
        "a private key": "canary-secret-private-key-5e5e",
        "a public key": "canary-secret-public-key-8d8d",
        "a client id": "canary-secret-client-id-2b2b",
    }
)
FLOWER_LOGIN = ("ops", SECRETS.values["Flower's password"])
#: What technicians and customers wrote: through the receiver, and in a call by hand.
WORDS = Canaries({"a customer's words": "canary-words-of-a-customer-c0ffee"})
CALLED = Canaries({"words of a call by hand": "canary-words-of-a-call-by-hand-beef"})

#: The whole service starts over TLS, and everything is said once: most of this on one of two cores.
pytestmark = pytest.mark.timeout(600)


@dataclass
class Overheard:
    """Everything that any client told Redis, every event that was published too, as MONITOR shows it."""

    admin: Redis
    text: str = ""

    def listen(self, port: int) -> None:
        """Listen until the server ends. Not through redis-py: it gives up at a line that it does not know."""
        with socket.create_connection(("127.0.0.1", port)) as connection, suppress(OSError):
            connection.sendall(b"AUTH admin admin\r\nMONITOR\r\n")
            while heard := connection.recv(65_536):
                self.text += heard.decode(errors="replace")


@dataclass
class Planted:
    """The service with everything planted in it."""

    service: RunningService
    redis: Overheard
    directory: Path
    database: str
    said: dict[str, str] = field(default_factory=dict)

    def run(self, name: str, *arguments: str) -> str:
        """Run a program of the service; keep and return all that it says."""
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            env=dict(self.service.environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.said[name] = done.stdout + done.stderr
        return self.said[name]

    def ask(self, name: str, url: str, **options: Any) -> requests.Response:
        """Send a request; keep and return all that is answered."""
        answer = requests.request(options.pop("method", "GET"), url, timeout=20, **options)
        self.said[name] = f"{answer.headers}\n{answer.text}"
        return answer


@pytest.fixture(scope="module")
def planted(home: Home) -> Iterator[Planted]:
    with searched_home() as directory:
        database = _database(home)
        with own_redis(directory, SECRETS.values["Redis's password"]) as admin:
            port = admin.connection_pool.connection_kwargs["port"]
            redis = Overheard(admin)
            threading.Thread(target=redis.listen, args=(port,), daemon=True).start()
            with over_tls(directory, port) as tls_port:
                settings = _settings(database, directory, tls_port)
                with running_service(directory, settings) as service:
                    planted = Planted(service, redis, directory, database)
                    _use(planted)
                    yield planted


def _database(home: Home) -> str:
    """Make a database of its own in the shared server. Return its URL with a password in it."""
    with psycopg.connect(
        host=str(home.postgres_sockets), user="postgres", dbname="ticketwalk", autocommit=True
    ) as admin:
        admin.execute("DROP DATABASE IF EXISTS planted WITH (FORCE)")
        admin.execute("CREATE DATABASE planted")
    password = SECRETS.values["the database's password"]
    return f"postgresql://postgres:{password}@/planted?host={home.postgres_sockets}&port=5432"


def _settings(database: str, directory: Path, tls_port: int) -> dict[str, str]:
    password = SECRETS.values["Redis's password"]
    trusted = f"ssl_cert_reqs=required&ssl_ca_certs={directory / 'redis.pem'}"
    keys = (SECRETS.values["the first secret key"], SECRETS.values["the second secret key"])
    return {
        "TICKETWALK_DATABASE_URL": database,
        "TICKETWALK_REDIS_URL": f"rediss://ticketwalk:{password}@127.0.0.1:{tls_port}/0?{trusted}",
        "TICKETWALK_SECRET_KEYS": ",".join(keys),
        "TICKETWALK_LOG_LEVEL": "DEBUG",
        "FLOWER_BASIC_AUTH": ":".join(FLOWER_LOGIN),
        "PYTHONFAULTHANDLER": "1",
    }


def _use(planted: Planted) -> None:
    """Have the service do everything that it does with secrets and words, well and badly."""
    service, words = planted.service, WORDS.values["a customer's words"]
    standard, connectwise = _set_up(planted)
    ticket = {"ticket_id": "T-1"}
    start = {**ticket, "user": TECHNICIAN, "kind": "flow", "flow": "VPN down"}
    step = {**ticket, "node_id": "light", "answer": "yes", "question": words, "note": words}
    _send(planted, standard, "session.start", start)
    _send(planted, standard, "step.record", step)
    _send(planted, standard, "notes.save", {**ticket, "notes": [{"text": words}], "revision": 1})
    wait_for("the walk", lambda: "T-1" in json.dumps(service.run("walk", "list")))
    session = service.run("walk", "list")[0]["id"]
    wait_for("the step", lambda: service.run("walk", "show", session)["walked_path"])
    _call_by_hand(planted, session)
    _break_the_store(planted, standard, step)
    _send(planted, standard, "session.resolve", {"session_id": session, "resolution_notes": words})
    wait_for("a push that fails", lambda: [row for row in service.run("outbox", "list") if row["attempts"]])
    _send_badly(planted, standard, connectwise)
    _look(planted, session)
    _crash(planted)


def _set_up(planted: Planted) -> tuple[str, str]:
    """Make an account with both connections. Return their webhook URLs."""
    (planted.directory / "flow.json").write_text(json.dumps(FLOW))
    run = planted.service.run
    run("account", "add", "Acme")
    run("user", "add", "--account", "Acme", "--email", TECHNICIAN, "--role", "l1_tech")
    run("flow", "import", "--account", "Acme", str(planted.directory / "flow.json"))
    older = "whsec_" + SECRETS.values["an older webhook secret"]
    credentials = {
        "company": "acme",
        "public_key": SECRETS.values["a public key"],
        "private_key": SECRETS.values["a private key"],
        "client_id": SECRETS.values["a client id"],
    }
    # nobody listens on port 9: each call fails, with an error that could repeat what was sent
    standard = run(
        *("connection", "add", "--account", "Acme", "--provider", "standard", "--name", "tool"),
        *("--base-url", "http://127.0.0.1:9/hook", "--webhook-secret", older),
    )
    run("connection", "set-secret", "tool", "--webhook-secret", WEBHOOK_SECRET)
    psa = run(
        *("connection", "add", "--account", "Acme", "--provider", "connectwise", "--name", "psa"),
        *("--base-url", "http://127.0.0.1:9"),
        *(f"--credential={name}={value}" for name, value in credentials.items()),
    )
    return standard["webhook_url"], psa["webhook_url"].partition("?")[0]


def _send(planted: Planted, url: str, kind: str, data: dict[str, Any]) -> None:
    body = json.dumps({"type": kind, "data": data}).encode()
    answer = planted.ask(
        f"the answer to {kind}", url, method="POST", data=body, headers=signed(body, WEBHOOK_SECRET)
    )
    assert answer.status_code == 202, answer.text


def _send_badly(planted: Planted, standard: str, connectwise: str) -> None:
    words = WORDS.values["a customer's words"].encode()
    shapeless = b'{"type": "' + words + b'"'
    for number, (url, body, headers) in enumerate(
        [
            (standard, b'{"type": "x", "data": "' + words + b'"}', None),
            (standard, shapeless, None),
            (standard, words, {**JSON, "webhook-id": words.decode()}),
            (connectwise, shapeless, {**JSON, "x-content-signature": words.decode()}),
            (standard[:-36] + str(uuid4()), words, None),
            (standard + words.decode(), words, None),
        ]
    ):
        planted.ask(
            f"bad answer {number}",
            url,
            method="POST",
            data=body,
            headers=headers or signed(body, WEBHOOK_SECRET),
        )
    unknown = json.dumps({"type": "step.record", "data": {words.decode(): words.decode()}}).encode()
    planted.ask("an odd one", standard, method="POST", data=unknown, headers=signed(unknown, WEBHOOK_SECRET))


def _call_by_hand(planted: Planted, session: str) -> None:
    """Call tasks well and badly, with words in every place; those in a call are in its message, of course."""
    words = CALLED.values["words of a call by hand"]
    notes = {"session": session, "notes": [{"text": words}], "revision": 2}
    for task, arguments in (
        ("notes.save", notes),
        ("notes.save", {**notes, words: words}),
        ("step.record", {"session": session, "node_id": words, "answer": words}),
        ("psa.push", {"outbox_id": words}),
        ("session.resolve", {"command_id": words}),
    ):
        assert celery(planted.service, "call", task, "--kwargs", json.dumps(arguments)).returncode == 0


def _break_the_store(planted: Planted, standard: str, step: dict[str, Any]) -> None:
    """Have the store fail with an error that repeats the row, as its constraints may, until it is mended."""
    service = planted.service
    with psycopg.connect(planted.database, autocommit=True) as owner:
        owner.execute(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'Failing row contains (%)', NEW.l1_note; END $$"
        )
        owner.execute("CREATE TRIGGER fails BEFORE INSERT ON walk_step FOR EACH ROW EXECUTE FUNCTION fail()")
        _send(planted, standard, "step.record", {**step, "node_id": "ping"})
        wait_for("a second try", lambda: [c for c in service.run("command", "list") if c["attempts"] > 1])
        owner.execute("DROP FUNCTION fail CASCADE")


def _look(planted: Planted, session: str) -> None:
    """Ask everything that can be asked."""
    service = planted.service
    planted.run("ticketwalk doctor", "worker", "doctor")
    planted.run("connection list", "worker", "connection", "list")
    for name in ("tool", "psa"):
        planted.run(f"connection check {name}", "worker", "connection", "check", name)
    planted.run("a refused change", "worker", "connection", "set-secret", "tool", "--credential", "x=y")
    planted.run("secrets rotate", "worker", "secrets", "rotate")
    planted.run("outbox list", "worker", "outbox", "list")
    planted.run("celery report", "celery", "-A", "worker", "report")
    for what in ("conf", "stats", "active", "registered", "report"):
        planted.run(f"celery inspect {what}", "celery", "-A", "worker", "inspect", what)
    for path in ("/metrics", "/readyz", "/healthz", "/openapi.json", "/nowhere"):
        planted.ask(path, f"{service.url}{path}")
    wait_for("Flower", service.shows_flower)
    for path in ("/api/tasks?limit=1000", "/api/workers?refresh=1", "/api/task/types", "/metrics", "/broker"):
        planted.ask(f"Flower {path}", f"{service.flower_url}{path}", auth=FLOWER_LOGIN)
    tasks = requests.get(f"{service.flower_url}/api/tasks", auth=FLOWER_LOGIN, timeout=20).json()
    for task_id in tasks:
        planted.ask(f"Flower task {task_id}", f"{service.flower_url}/task/{task_id}", auth=FLOWER_LOGIN)
        planted.ask(
            f"Flower info {task_id}", f"{service.flower_url}/api/task/info/{task_id}", auth=FLOWER_LOGIN
        )


def _crash(planted: Planted) -> None:
    """End the receiver and a worker's child as a fault in a library would; each dumps its calls."""
    children = psutil.Process(planted.service.process.pid).children(recursive=True)
    receiver = next(child for child in children if "receiver" in child.cmdline())
    workers = [child for child in children if "commands@%h" in child.cmdline() and not child.children()]
    for victim in (receiver, workers[0]):
        os.kill(victim.pid, signal.SIGABRT)
    log = planted.directory / "service.log"
    wait_for("two dumps", lambda: log.read_text(errors="replace").count("Fatal Python error") > 1)
    wait_for("the receiver's return", planted.service.is_ready)


@pytest.fixture(scope="module")
def said(planted: Planted) -> dict[str, str]:
    """Everything that left a process, by where."""
    log = planted.directory / "service.log"
    return {
        **planted.said,
        "the logs and crash dumps": log.read_text(errors="replace"),
        **{file.name: file.read_text(errors="replace") for file in planted.directory.glob("log/*")},
    }


@pytest.fixture(scope="module")
def told_redis(planted: Planted) -> str:
    return planted.redis.text


@pytest.fixture(scope="module")
def dump(planted: Planted) -> str:
    return dump_of(planted.database)


def test_no_secret_is_said_anywhere(said):
    assert {place: SECRETS.found_in(text) for place, text in said.items() if SECRETS.found_in(text)} == {}


def test_no_secret_is_told_to_redis(told_redis):
    assert SECRETS.found_in(told_redis) == []


def test_no_secret_is_readable_in_the_database(dump):
    assert SECRETS.found_in(dump) == []


def test_words_are_said_nowhere_but_where_they_belong(said):
    leaks = {place: WORDS.found_in(text) + CALLED.found_in(text) for place, text in said.items()}
    assert {place: found for place, found in leaks.items() if found} == {}


def test_words_that_came_in_through_the_receiver_are_not_told_to_redis(told_redis):
    assert WORDS.found_in(told_redis) == []


def test_events_show_none_of_the_words_of_a_call(planted):
    # a result is published too, for whoever called: its sentence may name what they called with
    published = [line for line in planted.redis.text.splitlines() if "celeryev" in line]
    assert len(published) > 20
    assert CALLED.found_in("\n".join(published)) == []


def test_the_search_finds_what_is_there(said, told_redis, dump):
    assert WORDS.found_in(dump) == ["a customer's words"]
    assert CALLED.found_in(told_redis) == ["words of a call by hand"]
    assert "Fatal Python error: Aborted" in said["the logs and crash dumps"]
    assert "entry not pushed" in said["the logs and crash dumps"]
    for value in SECRETS.values.values():
        assert SECRETS.found_in(f"x{value}y")
        assert SECRETS.found_in(base64.b64encode(f"x{value}y".encode()).decode())
    assert len(set(spellings("canary"))) > 3


def test_the_documented_user_is_denied_nothing_that_the_service_needs(planted):
    denied = planted.redis.admin.acl_log()
    assert [(entry["reason"], entry["object"]) for entry in denied] == []


def test_a_server_with_another_certificate_is_not_spoken_to(planted, tmp_path):
    certificate(tmp_path)
    url = planted.service.environment["TICKETWALK_REDIS_URL"]
    trusted = f"ssl_ca_certs={planted.directory / 'redis.pem'}"
    strangers = url.replace(trusted, f"ssl_ca_certs={tmp_path / 'redis.pem'}")
    assert strangers != url
    with Redis.from_url(url) as redis:
        assert redis.ping()
    with Redis.from_url(strangers) as redis, pytest.raises(RedisError, match="CERTIFICATE_VERIFY_FAILED"):
        redis.ping()
