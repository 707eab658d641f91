"""The whole service as a person would start it: `ticketwalk up` in a home of its own, and its commands."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from worker.demo.stage import DemoError, wait_for

#: Starting everything takes some seconds; a first start on a slow machine much longer.
START_SECONDS = 120.0
#: Everything stops within this, in seconds; then it is killed.
STOP_SECONDS = 60.0
#: An answer from our own machine, in seconds.
HTTP_SECONDS = 5.0
#: One command of the command line, in seconds.
COMMAND_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class RunningService:
    """`ticketwalk up`, running."""

    process: "subprocess.Popen[bytes]"
    environment: Mapping[str, str]
    url: str
    flower_url: str

    def run(self, *arguments: str) -> Any:
        """Run one `ticketwalk` command line and return its JSON. Raises DemoError with its line of error."""
        done = subprocess.run(  # noqa: S603 - our own command line
            [sys.executable, "-m", "worker", *arguments, "--json"],
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise DemoError(f"ticketwalk {' '.join(arguments[:2])}: {(done.stderr or done.stdout).strip()}")
        return json.loads(done.stdout)

    def is_ready(self) -> bool:
        """Whether deliveries are accepted. Raises DemoError where the service has ended."""
        if self.process.poll() is not None:
            raise DemoError(f"the service ended with exit code {self.process.returncode}")
        return _answers(f"{self.url}/readyz")

    def shows_flower(self) -> bool:
        """Whether Flower answers."""
        return _answers(f"{self.flower_url}/healthcheck")


@contextmanager
def running_service(home: Path, settings: Mapping[str, str] | None = None) -> Iterator[RunningService]:
    """Start the service on free ports, with these variables besides its own; stop it at the end."""
    port, flower_port = free_port(), free_port()
    environment = {**_environment(home, port), **(settings or {})}
    command = [sys.executable, "-m", "worker", "up", "--concurrency", "2"]
    with (home / "service.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [*command, "--port", str(port), "--flower-port", str(flower_port)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        service = RunningService(
            process, environment, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{flower_port}"
        )
        try:
            wait_for("the service's start", service.is_ready, seconds=START_SECONDS)
            yield service
        finally:
            _stop(process)


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _environment(home: Path, port: int) -> dict[str, str]:
    """Nothing of the caller's own settings; a simulated PSA on loopback must be allowed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TICKETWALK_")}
    return {
        **kept,
        "TICKETWALK_HOME": str(home),
        "TICKETWALK_ALLOW_PRIVATE_HOSTS": "true",
        "TICKETWALK_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=HTTP_SECONDS).ok
    except requests.RequestException:
        return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
