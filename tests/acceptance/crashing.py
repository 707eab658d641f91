"""A small stage for crashes: one healthy receiver and beat, processes that die on demand, one scenario."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import requests
from sqlalchemy import Engine, text

from integrations.connectwise.simulator import RunningSimulator
from integrations.standard.simulator import RunningStandardSimulator
from tests.acceptance.canaries import WORDS
from tests.acceptance.tools import FLOW, RULES, TECHNICIAN, new_ticket, wait_for
from worker.composition import build
from worker.db.engine import make_owner_engine
from worker.demo.service import free_port
from worker.domain.words import CommandType, Role
from worker.hints import SilentPublisher
from worker.services.accounts import NewConnection, add_account, add_connection, add_user
from worker.services.carrying import carry_out, command_by_hand
from worker.services.context import Context
from worker.services.filing import file_request
from worker.services.flows import import_flow
from worker.settings import Settings

#: Waits that a person's service has in seconds, and this one in tenths of them.
SHORT_WAITS = {
    "TICKETWALK_SWEEP_INTERVAL_SECONDS": "0.2",
    "TICKETWALK_NOTE_QUIET_PERIOD_SECONDS": "0.2",
    "TICKETWALK_NOTE_MAX_WAIT_SECONDS": "0.5",
    "TICKETWALK_SENDING_LEASE_SECONDS": "1",
    "TICKETWALK_PROBE_AFTER_SECONDS": "0.3",
}
WORKER = ("celery", "-A", "worker", "worker", "-P", "solo", "--without-gossip", "--without-mingle")
BEAT = ("celery", "-A", "worker", "beat", "--loglevel", "WARNING")
#: Starting anything takes two seconds on an idle machine.
START_SECONDS = 60
STOP_SECONDS = 30
#: All work takes a few seconds; the longest wait in it is the lease on a PSA that was asked, 20 s.
WORK_SECONDS = 60
#: Lines of the programs' log shown when work does not come to its end.
LOG_LINES = 25

OPEN = """
    SELECT 'delivery', id::text, state FROM delivery WHERE state IN ('pending', 'parked')
    UNION ALL SELECT 'command', id::text, state FROM command WHERE state IN ('pending', 'parked')
    UNION ALL SELECT 'outbox', id::text, state FROM outbox WHERE state <> 'sent'
    UNION ALL SELECT 'note_draft', session_id::text, 'dirty' FROM note_draft WHERE due_at IS NOT NULL
"""


@dataclass(frozen=True)
class Stage:
    """One account with a ConnectWise and a standard connection, and the programs around it."""

    home: Path
    psa: RunningSimulator
    tool: RunningStandardSimulator
    context: Context
    database: Engine
    receiver_url: str
    connections: dict[str, UUID]

    def webhook_url(self, provider: str, receiver_url: str | None = None) -> str:
        return f"{receiver_url or self.receiver_url}/webhooks/{provider}/{self.connections[provider]}"

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.database.begin() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def start_walk(self, ticket: str) -> str:
        """Start an ad-hoc walk of the standard connection here. Return its session."""
        start = {"connection": str(self.connections["standard"]), "ticket": ticket, "user": TECHNICIAN}
        done = carry_out(self.context, CommandType.START_ADHOC, uuid4().hex, start)
        assert done["outcome"] == "applied", done
        return str(done["session_id"])

    def wait_until_nothing_is_open(self) -> None:
        try:
            wait_for("the end of all work", lambda: not self.rows(OPEN), seconds=WORK_SECONDS)
        except AssertionError as error:
            log = (self.home / "programs.log").read_text(errors="replace").splitlines()
            raise AssertionError("\n".join([f"still open: {self.rows(OPEN)}", *log[-LOG_LINES:]])) from error


@dataclass(frozen=True)
class Play:
    """The scenario, on tickets of its own. Each part is sent before anybody works on it.

    Only the walk on ticket `saved` has started before: its saves can name their session.
    """

    stage: Stage
    walked: str = field(default_factory=new_ticket)
    noted: str = field(default_factory=new_ticket)
    saved: str = field(default_factory=new_ticket)
    saved_session: list[str] = field(default_factory=list)
    by_hand_ticket: list[str] = field(default_factory=list)
    called_back_ticket: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.saved_session.append(self.stage.start_walk(self.saved))

    def play(self, part: str) -> None:
        getattr(self, part)()

    def webhooks(self) -> None:
        """A tool walks one ticket and takes notes on another; everything is sent twice."""
        url = self.stage.webhook_url("standard")
        for number in range(len(self.messages())):
            assert [self.send(url, number) for _ in "12"] == [202, 202]

    def send(self, url: str, number: int) -> int | str:
        """Send one of the messages. Return the status, or why there was none."""
        message_type, data = self.messages()[number]
        return self.stage.tool.send_command(url, message_type, data, self.message_id(number))

    def message_id(self, number: int) -> str:
        return f"msg_{self.walked}_{number}"

    def messages(self) -> list[tuple[str, dict[str, Any]]]:
        walked, noted = {"ticket_id": self.walked}, {"ticket_id": self.noted}
        saved = {"session_id": self.saved_session[0]}
        return [
            ("session.start", {**walked, "user": TECHNICIAN, "kind": "flow", "flow": "VPN down"}),
            ("step.record", {**walked, "node_id": "ping", "answer": "no", "note": WORDS, "sequence": 2}),
            ("step.record", {**walked, "node_id": "light", "answer": "yes", "sequence": 1}),
            ("notes.save", {**walked, "notes": [{"text": "first"}], "revision": 1}),
            ("notes.save", {**walked, "notes": [{"text": "newest"}], "revision": 2}),
            ("session.resolve", {**walked, "helpful": True, "resolution_notes": WORDS, "sequence": 3}),
            ("session.start", {**noted, "user": TECHNICIAN, "kind": "adhoc"}),
            ("notes.save", {**noted, "notes": [{"text": "newest"}], "revision": 3}),
            ("notes.save", {**noted, "notes": [{"text": "late"}], "revision": 2}),
            ("notes.save", {**saved, "notes": [{"text": "first"}], "revision": 1}),
            ("notes.save", {**saved, "notes": [{"text": "newest"}], "revision": 3}),
            ("notes.save", {**saved, "notes": [{"text": "late"}], "revision": 2}),
        ]

    def callback(self) -> None:
        """ConnectWise says, twice, that there is a ticket; only asking it says what kind."""
        self.stage.psa.callbacks.settings.copies = 2
        self.called_back_ticket.append(self.stage.psa.create_ticket("adhoc: printer", assigned_to="jdoe"))
        self.stage.psa.wait_for_deliveries()
        self.stage.psa.callbacks.settings.copies = 1

    def by_hand(self) -> None:
        """An engineer walks a ConnectWise ticket from start to end; each command is given twice."""
        ticket = self.stage.psa.create_ticket("Monitor broken", assigned_to="jdoe")
        self.stage.psa.wait_for_deliveries()
        self.by_hand_ticket.append(ticket)
        commands: list[tuple[CommandType, dict[str, Any]]] = [
            (CommandType.START_FLOW, {"user": TECHNICIAN, "flow": "VPN down"}),
            (CommandType.RECORD_STEP, {"node_id": "light", "answer": "yes"}),
            (CommandType.RECORD_STEP, {"node_id": "ping", "answer": "no", "note": WORDS}),
            (CommandType.SAVE_NOTES, {"notes": [{"text": "newest"}], "revision": 1}),
            (CommandType.RESOLVE, {"helpful": True}),
        ]
        address = {"connection": str(self.stage.connections["connectwise"]), "ticket": ticket}
        for number, (command_type, arguments) in enumerate(commands):
            for _ in "12":
                file_request(
                    self.stage.context,
                    command_by_hand(command_type, {**address, **arguments}, default_key=f"{ticket}-{number}"),
                )


@contextmanager
def program(home: Path, *arguments: str, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a Python module as a process, and stop it at the end where it has not ended by itself."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TICKETWALK_")}
    settings = {"TICKETWALK_HOME": str(home), "TICKETWALK_ALLOW_PRIVATE_HOSTS": "1", **SHORT_WAITS}
    settings["PYTHONFAULTHANDLER"] = "1"
    with (home / "programs.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env={**kept, **settings, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


@contextmanager
def receiver(home: Path, **environment: str) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """Run a receiver that answers, and say where."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with program(home, "worker", "receiver", "--port", str(port), **environment) as process:
        wait_for("the receiver's start", lambda: _answers(url), seconds=START_SECONDS)
        yield process, url


@contextmanager
def stage_in(home: Path, psa: RunningSimulator, tool: RunningStandardSimulator) -> Iterator[Stage]:
    """Set the stage. The receiver is the first one in the home, and starts its servers."""
    with receiver(home) as (_, url), program(home, *BEAT):
        settings = Settings(home=home, allow_private_hosts=True)
        context = build(settings, SilentPublisher())
        database = make_owner_engine(settings.database)
        stage = Stage(home, psa, tool, context, database, url, _connections(context, psa, tool))
        callback = psa.register_callback(stage.webhook_url("connectwise"))
        yield stage
        psa.wait_for_deliveries()
        del psa.world.callbacks[callback]
        database.dispose()
        context.uow._engine.dispose()


def _connections(context: Context, psa: RunningSimulator, tool: RunningStandardSimulator) -> dict[str, UUID]:
    account = "Crash MSP"
    add_account(context, account)
    add_user(
        context, account=account, email=TECHNICIAN, role=Role.L1_TECH, can_cover_l1=False, psa_member="jdoe"
    )
    import_flow(context, account=account, document=FLOW)
    connectwise = NewConnection(
        account, "connectwise", "crash-cw", psa.base_url, psa.credentials, webhook_secrets=(), rules=RULES
    )
    standard = NewConnection(
        account, "standard", "crash-std", tool.base_url, {}, webhook_secrets=(tool.secret,)
    )
    return {new.provider: add_connection(context, new) for new in (connectwise, standard)}


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=5).ok
    except requests.RequestException:
        return False
