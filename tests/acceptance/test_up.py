"""`ticketwalk up` and its home: stopped cleanly, found again with its data, shared with Celery's commands."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.acceptance.searching import searched_home
from tests.acceptance.tools import TECHNICIAN, wait_for
from worker.demo.service import RunningService, free_port, running_service
from worker.domain.queues import QUEUES
from worker.runtime.home import Home


@pytest.fixture
def home() -> Iterator[Path]:
    with searched_home() as directory:
        yield directory


def processes_of(home: Path) -> list[str]:
    """Return the command lines of everything that still runs in a home."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
            environment = process.environ().get("TICKETWALK_HOME", "")
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if str(home) in (line, environment) or f"{home}/" in line:
            found.append(line)
    return found


def test_ctrl_c_stops_everything_and_the_next_start_finds_the_data(home: Path):
    with running_service(home) as service:
        service.run("account", "add", "Kept MSP")
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(60) == 0
        assert processes_of(home) == []
        assert "Traceback" not in (home / "service.log").read_text()
    with running_service(home) as service:
        assert [account["name"] for account in service.run("account", "list")] == ["Kept MSP"]


def test_canaries_say_that_every_queue_s_worker_works(service: RunningService):
    def answer() -> dict[str, Any]:
        told: dict[str, Any] = requests.get(f"{service.url}/readyz", timeout=10).json()
        return told

    wait_for("a canary through each queue", lambda: answer()["workers"] == "working", seconds=60)
    assert answer()["canaries"].keys() == set(QUEUES)


def test_up_ends_with_all_its_programs_when_one_cannot_go_on(home: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "worker", "up", "--port", str(port), "--no-flower", "--concurrency", "1"],
            env={**os.environ, "TICKETWALK_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
    assert done.returncode == 1
    assert "receiver" in done.stdout
    assert processes_of(home) == []


def test_celery_s_own_worker_alone_carries_out_what_the_command_line_enqueues(home: Path):
    environment = {**os.environ, "TICKETWALK_HOME": str(home), "TICKETWALK_ALLOW_PRIVATE_HOSTS": "1"}
    with (home / "worker.log").open("wb") as log:
        # no `ticketwalk up`: the worker starts the home's servers itself
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "worker", "worker", "-c", "1"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    service = RunningService(worker, environment, "", "")
    try:
        service.run("account", "add", "Small MSP")
        service.run("user", "add", "--account", "Small MSP", "--email", TECHNICIAN, "--role", "l1_tech")
        started = service.run(
            *("enqueue", "session.start_adhoc", "--account", "Small MSP", "--ticket", "7"),
            *("--ticket-kind", "internal", "--user", TECHNICIAN, "--wait"),
        )
        assert started["outcome"] == "applied"
        for queue in ("maintenance", "psa"):
            command = ("enqueue", "maintenance.canary", "--queue", queue)
            assert service.run(*command, "--wait", "--timeout", "20")["outcome"] == "applied"
        assert service.run("enqueue", "session.abandon_idle", "--wait")["outcome"] == "applied"
    finally:
        worker.terminate()
        assert worker.wait(60) == 0
    assert processes_of(home) == []


def test_two_homes_run_side_by_side_and_share_nothing(home: Path):
    with searched_home() as other:
        for directory in (home, other):
            environment = {**os.environ, "TICKETWALK_HOME": str(directory)}
            service = RunningService(None, environment, "", "")  # type: ignore[arg-type] # only its commands
            service.run("account", "add", "Same name")
            assert len(service.run("account", "list")) == 1
        assert Home(home).database_url != Home(other).database_url


def test_doctor_examines_a_home_and_says_what_is_wrong(home: Path):
    environment = {**os.environ, "TICKETWALK_HOME": str(home)}
    service = RunningService(None, environment, "", "")  # type: ignore[arg-type] # only its commands
    checks = {check["check"]: check for check in service.run("doctor")}
    assert all(check["ok"] for check in checks.values())
    assert "as roles ticketwalk_app and ticketwalk_router" in checks["postgres"]["detail"]
    away = {**environment, "TICKETWALK_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    done = subprocess.run(
        [sys.executable, "-m", "worker", "doctor"],
        env=away,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "does not answer" in done.stdout


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("TICKETWALK_SWEEP_INTERVAL_SECONDS", "often", "TICKETWALK_SWEEP_INTERVAL_SECONDS"),
        ("TICKETWALK_DATABASE_URL", "mysql://x", "TICKETWALK_DATABASE_URL must look like postgresql://"),
        ("TICKETWALK_SECRET_KEYS", "hunter2", "TICKETWALK_SECRET_KEYS every key must be a Fernet key"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(home: Path, name: str, value: str, sentence: str):
    done = subprocess.run(
        [sys.executable, "-m", "worker", "account", "list"],
        env={**os.environ, "TICKETWALK_HOME": str(home), name: value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert value not in done.stderr or name == "TICKETWALK_SWEEP_INTERVAL_SECONDS"
