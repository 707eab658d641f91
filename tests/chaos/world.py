"""A whole ticketwalk in a temporary home: servers behind proxies, every program, two accounts, two PSAs."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Any, Self

import requests
from cryptography.fernet import Fernet

from integrations.connectwise.simulator import RunningSimulator
from integrations.standard.simulator import RunningStandardSimulator
from tests.chaos.plan import RULES, TECHNICIAN, TREE
from tests.chaos.programs import Fleet, Program
from tests.chaos.proxy import ROOT, RunningProxy
from tests.chaos.servers import Servers
from worker.demo.service import free_port
from worker.runtime.embedded import release
from worker.runtime.home import Home

#: Everything is up within this, in seconds, also on a busy machine.
START_SECONDS = 120.0
ACCOUNTS = ("First MSP", "Second MSP")
#: The connections: of tenant 0, tenant 1, and tenant 0's PSA.
STANDARD = ("first-tool", "second-tool")
PSA = "first-psa"
_WORKER = ("-m", "celery", "-A", "worker", "worker", "--loglevel", "INFO", "--without-gossip")
_QUEUES = "commands,maintenance"


class WorldError(Exception):
    """The world did not come into being."""


class World:
    """Everything that a run breaks. `tree` is where the code is run from; `without` is not run."""

    def __init__(
        self,
        *,
        tree: Path = ROOT,
        settings: Mapping[str, str] | None = None,
        without: Collection[str] = (),
    ) -> None:
        self._stack = ExitStack()
        self._tree = tree
        self._settings = dict(settings or {})
        self._without = without
        self.urls: dict[str, str] = {}

    def __enter__(self) -> Self:
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _build(self) -> None:
        # not the default directory: the path of a socket must be short
        directory = tempfile.TemporaryDirectory(prefix="tw-c-", dir="/tmp", ignore_cleanup_errors=True)
        self.directory = Path(self._stack.enter_context(directory))
        home = Home(self.directory / "servers")
        self.servers = Servers(home)
        self._stack.callback(release)
        self.servers.start()
        self.postgres = self._stack.enter_context(RunningProxy(home.postgres_sockets / ".s.PGSQL.5432"))
        self.redis = self._stack.enter_context(RunningProxy(home.redis_socket))
        self.psa = self._stack.enter_context(RunningSimulator())
        self.tool = self._stack.enter_context(RunningStandardSimulator())
        self.port = free_port()
        self.broker_url = f"redis://127.0.0.1:{self.redis.port}/0"
        self.environment = self._environment()
        self._set_up()
        self.fleet = Fleet(self._programs())
        self._stack.callback(self.fleet.stop)
        self.fleet.start()
        self._await_ready()
        self.psa.callbacks.settings.copies = 2
        self.psa.register_callback(self.urls[PSA])

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TICKETWALK_")}
        return {
            **kept,
            "PYTHONPATH": str(self._tree),
            "PYTHONUNBUFFERED": "1",
            "TICKETWALK_HOME": str(self.directory / "service"),
            "TICKETWALK_DATABASE_URL": f"postgresql://postgres@127.0.0.1:{self.postgres.port}/ticketwalk",
            "TICKETWALK_REDIS_URL": self.broker_url,
            "TICKETWALK_SECRET_KEYS": Fernet.generate_key().decode(),
            "TICKETWALK_ALLOW_PRIVATE_HOSTS": "true",
            "TICKETWALK_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            **self._settings,
        }

    def _programs(self) -> list[Program]:
        """The programs of `worker.runtime.programs`, and a second worker and a second beat beside them."""
        quiet = (*_WORKER, "--without-mingle")
        argv = {
            "receiver": ("-m", "worker", "receiver", "--port", str(self.port)),
            "commands": (*quiet, "-n", "commands@%h", "-Q", _QUEUES, "-c", "2"),
            "threads": (*quiet, "-n", "threads@%h", "-Q", _QUEUES, "-P", "threads", "-c", "4"),
            "psa": (*quiet, "-n", "psa@%h", "-Q", "psa", "-P", "threads", "-c", "8"),
            "beat-1": ("-m", "celery", "-A", "worker", "beat", "-s", str(self.directory / "beat-1")),
            "beat-2": ("-m", "celery", "-A", "worker", "beat", "-s", str(self.directory / "beat-2")),
        }
        logs = {"receiver": {"TICKETWALK_LOG_LEVEL": "WARNING"}}
        return [
            Program(
                name,
                line,
                {**self.environment, **logs.get(name, {})},
                self._tree,
                self.directory / f"{name}.log",
            )
            for name, line in argv.items()
            if name not in self._without
        ]

    def _set_up(self) -> None:
        self._run("migrate")
        (self.directory / "flow.json").write_text(json.dumps(TREE))
        (self.directory / "rules.json").write_text(json.dumps(RULES))
        for name in ACCOUNTS:
            self._run("account", "add", name)
        lines = [line for number in range(len(ACCOUNTS)) for line in self._lines(number)]
        with ThreadPoolExecutor(2) as pool:  # as many as there are cores on a small machine
            for made in pool.map(lambda line: self._run(*line), lines):
                if "webhook_url" in made:
                    self.urls[made["name"]] = made["webhook_url"]

    def _lines(self, number: int) -> list[tuple[str, ...]]:
        """Return the command lines that set up one account."""
        account = ("--account", ACCOUNTS[number])
        user = ("--email", TECHNICIAN, "--role", "l1_tech", "--psa-member", "jdoe")
        connection = ("connection", "add", *account)
        tool = ("--base-url", self.tool.base_url, "--webhook-secret", self.tool.secret)
        lines: list[tuple[str, ...]] = [
            ("user", "add", *account, *user),
            ("flow", "import", *account, str(self.directory / "flow.json")),
            (*connection, "--provider", "standard", "--name", STANDARD[number], *tool),
        ]
        if number == 0:
            credentials = [f"--credential={name}={value}" for name, value in self.psa.credentials.items()]
            psa = ("--base-url", self.psa.base_url, "--rules", str(self.directory / "rules.json"))
            lines.append(
                (*connection, "--provider", "connectwise", "--name", PSA, *psa, *credentials),
            )
        return lines

    def _run(self, *arguments: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "worker", *arguments, "--json"],
            env=self.environment,
            cwd=self._tree,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise WorldError(f"ticketwalk {' '.join(arguments[:2])}: {(done.stderr or done.stdout).strip()}")
        return json.loads(done.stdout)

    def _await_ready(self) -> None:
        workers = [program for name, program in self.fleet.programs.items() if name not in _NO_WORKER]
        deadline = time.monotonic() + START_SECONDS
        while not (_answers(self.port) and all(worker.said(b" ready.") for worker in workers)):
            if time.monotonic() > deadline:
                raise WorldError(f"the service did not start; its logs are in {self.directory}")
            Event().wait(0.1)


_NO_WORKER = {"receiver", "beat-1", "beat-2"}


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=2).ok
    except requests.RequestException:
        return False
