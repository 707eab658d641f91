"""A world to test in: a real PostgreSQL, one account in it, and PSAs that are fakes at the port."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, text

from integrations.errors import CallError
from integrations.ports import (
    ChangedTicket,
    Event,
    EventKind,
    Link,
    NotePush,
    PsaNote,
    PsaTicket,
    Registration,
    TimePush,
    WebhookRequest,
)
from worker.db.engine import make_engine, make_owner_engine
from worker.db.migrate import migrate
from worker.db.models import (
    AccountRow,
    ConnectionRow,
    ConnectionStateRow,
    FlowProposalRow,
    FlowRow,
    FlowVersionRow,
    UserRow,
)
from worker.db.unit_of_work import Hint, UnitOfWork
from worker.domain.words import CommandType, Role
from worker.errors import Refusal
from worker.runtime.home import Home
from worker.services.carrying import carry_out
from worker.services.context import Context
from worker.services.filing import Lane
from worker.services.intake import NewDelivery, Stored, store
from worker.services.interpretation.interpret import Interpreted, interpret
from worker.services.lanes import drain
from worker.services.notes.flushing import flush_due
from worker.services.push import Pushed, push
from worker.services.vault import Secrets, Vault

#: Seconds until a thread must have ended, on the slowest machine.
PATIENCE_SECONDS = 30

#: The walk through a flow that most tests need: two questions, the second one ends it.
TREE = {
    "start": "link",
    "nodes": {
        "link": {"question": "Is the link light on?", "answers": {"yes": "ping", "no": "cable"}},
        "ping": {"question": "Does the gateway answer a ping?", "answers": {"yes": None, "no": None}},
        "cable": {"question": "Is the cable plugged in?", "answers": {"yes": None, "no": None}},
    },
}

#: Without the checks of foreign keys; a TRUNCATE of as many tables takes ten times as long.
_EMPTY = """
    SET LOCAL session_replication_role = replica;
    DELETE FROM outbox; DELETE FROM audit_log; DELETE FROM note_draft; DELETE FROM walk_step;
    DELETE FROM note_tally; DELETE FROM l1_walk_session; DELETE FROM command; DELETE FROM delivery;
    DELETE FROM ticket; DELETE FROM connection_state;
    DELETE FROM flow_version; DELETE FROM flow; DELETE FROM flow_proposal; DELETE FROM connection;
    DELETE FROM user_account; DELETE FROM account;
"""

_KEY = Fernet.generate_key().decode()


class RecordingPublisher:
    """Keeps the hints instead of sending them."""

    def __init__(self) -> None:
        self.published: list[Hint] = []

    def publish(self, hints: Sequence[Hint]) -> None:
        self.published.extend(hints)


class FakePsa:
    """A PSA in memory, at the port. `script` lists per method what its next calls do.

    An error is raised and nothing is done; `Lost(error)` does it and raises; None does it; a function is
    called first.
    """

    def __init__(self) -> None:
        self.tickets: dict[str, PsaTicket] = {}
        self.typed: dict[str, list[PsaNote]] = {}
        self.calls: list[tuple[str, ...]] = []
        self.sent: list[NotePush] = []
        self.bodies: list[bytes] = []
        self.times: dict[str, TimePush] = {}
        self.changed: list[ChangedTicket] = []
        self.registered = Registration(())
        self.script: dict[str, deque[Any]] = {}
        self._lock = threading.Lock()

    def next_calls(self, method: str, *outcomes: Any) -> None:
        self.script.setdefault(method, deque()).extend(outcomes)

    def has_ticket(self, ticket_id: str, **facts: Any) -> None:
        plain = PsaTicket(ticket_id, summary="VPN down", status="New", closed=False, assigned_to="jdoe")
        self.tickets[ticket_id] = replace(plain, **facts)

    def type_note(self, ticket_id: str, note_text: str, *, author: str | None = "jdoe", own: bool = False):
        notes = self.typed.setdefault(ticket_id, [])
        note_id = str(1 + sum(len(of_ticket) for of_ticket in self.typed.values()))
        notes.append(PsaNote(note_id, note_text, author, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), own))

    def change_note(self, ticket_id: str, note_text: str, new_text: str | None) -> None:
        """Give the note with this text another one; None deletes it."""
        notes = self.typed[ticket_id]
        place = next(place for place, note in enumerate(notes) if note.text == note_text)
        notes[place : place + 1] = [] if new_text is None else [replace(notes[place], text=new_text)]

    def count(self, method: str) -> int:
        return sum(call[0] == method for call in self.calls)

    def check(self) -> str:
        return "a fake answered"

    def ticket(self, ticket_id: str) -> PsaTicket | None:
        self._begin("ticket", ticket_id)
        return self.tickets.get(ticket_id)

    def notes(self, ticket_id: str, *, after_id: str | None = None) -> list[PsaNote]:
        self._begin("notes", ticket_id, str(after_id))
        return [n for n in self.typed.get(ticket_id, []) if int(n.note_id) > int(after_id or 0)]

    def prepare_note(self, push: NotePush) -> bytes:
        self._begin("prepare_note", push.ticket_id)
        return f"{push.entry_id}\n{push.text}".encode()

    def send_note(self, push: NotePush, body: bytes) -> str:
        lost = self._begin("send_note", push.ticket_id)
        with self._lock:
            self.sent.append(push)
            self.bodies.append(body)
            self.type_note(push.ticket_id, push.text, author="api", own=True)
            note_id = self.typed[push.ticket_id][-1].note_id
        if lost:
            raise lost.error
        return note_id

    def find_note(self, ticket_id: str, marker: str) -> list[str]:
        self._begin("find_note", ticket_id, marker)
        return [note.note_id for note in self.typed.get(ticket_id, []) if marker in note.text]

    def set_status(self, ticket_id: str, status: str) -> None:
        self._begin("set_status", ticket_id, status)
        self.tickets[ticket_id] = replace(self.tickets[ticket_id], status=status)

    def prepare_time(self, push: TimePush) -> bytes:
        self._begin("prepare_time", push.ticket_id)
        return f"{push.entry_id}\n{push.text}".encode()

    def send_time(self, push: TimePush, body: bytes) -> str:
        lost = self._begin("send_time", push.ticket_id)
        with self._lock:
            self.bodies.append(body)
            time_id = str(1 + len(self.times))
            self.times[time_id] = push
        if lost:
            raise lost.error
        return time_id

    def find_time(self, ticket_id: str, marker: str) -> list[str]:
        self._begin("find_time", ticket_id, marker)
        entries = self.times.items()
        return [time_id for time_id, push in entries if push.ticket_id == ticket_id and marker in push.text]

    def changed_since(self, moment: datetime) -> list[ChangedTicket]:
        self._begin("changed_since", moment.isoformat())
        return list(self.changed)

    def registration(self, webhook_url: str) -> Registration:
        self._begin("registration", webhook_url)
        return self.registered

    def register(self, webhook_url: str) -> Registration:
        self._begin("register", webhook_url)
        self.registered = Registration(("1",))
        return self.registered

    def _begin(self, *call: str) -> "Lost | None":
        with self._lock:
            self.calls.append(call)
            outcomes = self.script.get(call[0])
            outcome = outcomes.popleft() if outcomes else None
        if isinstance(outcome, CallError):
            raise outcome
        if isinstance(outcome, Lost):
            return outcome
        if outcome is not None:
            outcome()
        return None


@dataclass(frozen=True)
class Lost:
    """The call is done and its answer is lost."""

    error: CallError


@dataclass
class FakeProvider:
    """A provider at the port, whose every connection leads to the same fake PSA."""

    name: str
    psa: FakePsa
    repeatable: bool
    carries_commands: bool
    note_limit: int = 10_000
    credential_names: tuple[str, ...] = ()
    needs_webhook_secret: bool = False
    unavailable_status: int = 503
    calls_per_hour: int = 10_000
    calls_at_once: int = 3
    reconcile_overlap: timedelta = timedelta(minutes=5)

    def check_link(self, link: Link) -> None:
        if not link.base_url.startswith("https://"):
            raise ValueError("the base URL must start with https://")

    def verify(self, request: WebhookRequest, link: Link) -> None:
        raise NotImplementedError

    def parse(self, request: WebhookRequest) -> Sequence[Event]:
        raise NotImplementedError

    def webhook_url(self, url: str, link: Link) -> str:
        return url if link.connection_id else ""

    def client(self, link: Link) -> FakePsa:
        assert link.connection_id
        return self.psa


@dataclass
class Tenant:
    """One account with everybody who may or may not walk, a PSA connection, a flow and a proposal."""

    account_id: UUID
    name: str
    users: dict[str, UUID] = field(default_factory=dict)
    psa: str = ""
    standard: str = ""
    flow_id: UUID = field(default_factory=uuid4)
    proposal_id: UUID = field(default_factory=uuid4)


class World:
    """What a test does and asks. `home_tenant` is the account that every shorthand means."""

    refusal = Refusal

    def __init__(self, context: Context, owner: Engine, publisher: RecordingPublisher) -> None:
        self.context = context
        self.owner = owner
        self.publisher = publisher
        self.provider = cast("FakeProvider", context.providers["connectwise"])
        self.psa = self.provider.psa
        self.home_tenant = self.tenant("Acme")

    @property
    def published(self) -> list[Hint]:
        return self.publisher.published

    def tenant(self, name: str) -> Tenant:
        made = Tenant(uuid4(), name)
        people = {
            "tech": (Role.L1_TECH, False, "jdoe"),
            "cover": (Role.ENGINEER, True, None),
            "engineer": (Role.ENGINEER, False, None),
            "owner": (Role.OWNER, False, None),
        }
        sealed = self.context.vault.seal(Secrets({}, ()))
        with self.context.uow.begin(made.account_id) as tx:
            tx.session.add(AccountRow(id=made.account_id, name=name))
            tx.session.flush()
            for person, (role, can_cover, member) in people.items():
                user_id = made.users[person] = uuid4()
                tx.session.add(
                    UserRow(
                        id=user_id,
                        account_id=made.account_id,
                        email=f"{person}@{name.lower()}.example",
                        role=role.value,
                        can_cover_l1=can_cover,
                        psa_member_id=member,
                    )
                )
            for provider, row_id in (("connectwise", uuid4()), ("standard", uuid4())):
                setattr(made, "psa" if provider == "connectwise" else provider, str(row_id))
                tx.session.add(
                    ConnectionRow(
                        id=row_id,
                        account_id=made.account_id,
                        provider=provider,
                        name=f"{name} {provider}",
                        base_url="https://psa.example",
                        secrets=sealed,
                        rules={},
                    )
                )
                tx.session.flush()
                tx.session.add(ConnectionStateRow(connection_id=row_id, account_id=made.account_id))
            tx.session.add(FlowRow(id=made.flow_id, account_id=made.account_id, name="VPN down"))
            tx.session.flush()
            tx.session.add(
                FlowVersionRow(account_id=made.account_id, flow_id=made.flow_id, version=1, tree=TREE)
            )
            tx.session.add(
                FlowProposalRow(
                    id=made.proposal_id, account_id=made.account_id, title="Printer offline", tree=TREE
                )
            )
        return made

    def do(self, command_type: str, *, key: str | None = None, **arguments: Any) -> dict[str, Any]:
        """Carry out a command as its task does, and return the task's result."""
        given = {**arguments, **({"key": key} if key else {})}
        return carry_out(self.context, CommandType(command_type), uuid4().hex, given)

    def start(self, kind: str = "adhoc", *, ticket: str = "100", user: str = "tech", **more: Any) -> Any:
        """Start a walk of the home tenant's ticket in its PSA. Return the result."""
        tenant = self.home_tenant
        guide: dict[str, dict[str, Any]] = {
            "flow": {"flow": "VPN down"},
            "proposal": {"flow_proposal_id": tenant.proposal_id},
        }
        arguments: dict[str, Any] = {
            "connection": tenant.psa,
            "ticket": ticket,
            "user": str(tenant.users[user]),
            **guide.get(kind, {}),
            **more,
        }
        given = {name: value for name, value in arguments.items() if value is not None}
        return self.do(f"session.start_{kind}", **given)

    def started(self, kind: str = "adhoc", **more: Any) -> str:
        """Start a walk, which must succeed. Return its session id."""
        result = self.start(kind, **more)
        assert result["outcome"] == "applied", result
        return str(result["session_id"])

    def rows(self, query: str, **values: Any) -> list[Any]:
        """Run SQL as the owner of the tables. Return the rows; of one column, its values."""
        with self.owner.begin() as connection:
            result = connection.execute(text(query), values)
            if not result.returns_rows:
                return []
            rows = result.all()
        return [row[0] if len(row) == 1 else tuple(row) for row in rows]

    def one(self, query: str, **values: Any) -> Any:
        """Run SQL that has exactly one row."""
        (row,) = self.rows(query, **values)
        return row

    def walk(self, session_id: str, columns: str) -> Any:
        """Return these columns of one walk."""
        return self.one(f"SELECT {columns} FROM l1_walk_session WHERE id = :id", id=session_id)  # noqa: S608 - literals

    def walk_tables(self) -> dict[str, int]:
        """Return how many rows stand in each table that a walk is made of."""
        tables = ("l1_walk_session", "walk_step", "note_draft", "audit_log", "outbox")
        return {table: self.one(f"SELECT count(*) FROM {table}") for table in tables}  # noqa: S608 - literals

    def lane(self, ticket: str = "100") -> Lane:
        """Return the lane of a ticket."""
        return Lane(*self.one("SELECT account_id, id FROM ticket WHERE external_id = :id", id=ticket))

    def deliver(self, *events: Event, connection: str = "", body: bytes = b"{}") -> list[Stored]:
        """Store deliveries as the receiver does."""
        connection = connection or self.home_tenant.psa
        carries = connection == self.home_tenant.standard
        return store(
            self.context,
            [
                NewDelivery(
                    account_id=self.home_tenant.account_id,
                    connection_id=UUID(connection),
                    lane="" if carries else event.ticket_id or "",
                    event=event,
                    body=body,
                )
                for event in events
            ],
        )

    def ticket_changed(self, ticket: str = "100", kind: EventKind = EventKind.TICKET_CHANGED) -> int:
        """Store one delivery of the PSA that says the ticket changed, or what else. Return its id."""
        event = Event(kind, dedupe_key=uuid4().hex, ticket_id=ticket)
        return self.deliver(event)[0].delivery_id

    def interpret(self, delivery_id: int) -> Interpreted:
        return interpret(self.context, account_id=None, delivery_id=delivery_id)

    def apply(self, ticket: str = "100") -> None:
        """Apply what is pending for a ticket, as its workers do."""
        drain(self.context, self.lane(ticket))

    def pause_is_over(self, session: str) -> None:
        """Have the session's draft due, and flush what is due of its account."""
        self.rows(
            "UPDATE note_draft SET due_at = now() WHERE session_id = :id AND due_at > now()", id=session
        )
        account_id = self.one("SELECT account_id FROM l1_walk_session WHERE id = :id", id=session)
        flush_due(self.context, account_id=account_id)

    def push(self, outbox_id: int) -> Pushed:
        return push(self.context, account_id=None, outbox_id=outbox_id)

    def rules(self, rules: dict[str, Any]) -> None:
        """Give the home tenant's PSA connection these rules."""
        self.rows(
            "UPDATE connection SET rules = CAST(:rules AS jsonb) WHERE id = :id",
            rules=json.dumps(rules),
            id=self.home_tenant.psa,
        )

    def until(self, condition: Callable[[], bool]) -> None:
        """Return once the condition holds; fail where it does not in time."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        pause = threading.Event()
        while not condition():
            assert time.monotonic() < deadline, "it did not come about in time"
            pause.wait(0.01)

    def at_once(self, *work: Callable[[], Any]) -> list[Any]:
        """Run all of it at the same time, each in a thread. Return the results; an error is raised here."""
        barrier = threading.Barrier(len(work))
        results: list[Any] = [None] * len(work)

        def run(place: int) -> None:
            barrier.wait(PATIENCE_SECONDS)
            try:
                results[place] = work[place]()
            except Exception as error:  # noqa: BLE001 - raised again in the test's own thread
                results[place] = error

        threads = [threading.Thread(target=run, args=(place,)) for place in range(len(work))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive(), "a thread hangs"
        for result in results:
            if isinstance(result, Exception):
                raise result
        return results


@pytest.fixture(scope="session")
def database_url(home: Home) -> str:
    """A database with the schema in it."""
    migrate(home.database_url)
    return home.database_url


@pytest.fixture(scope="session")
def owner(database_url: str) -> Iterator[Engine]:
    """The rights of the tables' owner, for arranging and for looking."""
    engine = make_owner_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def engine(database_url: str) -> Iterator[Engine]:
    """The rights of the application."""
    made = make_engine(database_url, pool_size=20)
    yield made
    made.dispose()


@pytest.fixture
def empty_tables(owner: Engine) -> None:
    """No test sees another's rows."""
    with owner.begin() as connection:
        connection.exec_driver_sql(_EMPTY)


@pytest.fixture
def publisher() -> RecordingPublisher:
    return RecordingPublisher()


@pytest.fixture
def providers() -> Mapping[str, Any]:
    made = (
        FakeProvider("connectwise", FakePsa(), repeatable=False, carries_commands=False),
        FakeProvider("standard", FakePsa(), repeatable=True, carries_commands=True),
    )
    return MappingProxyType({provider.name: provider for provider in made})


@pytest.fixture
def context(
    engine: Engine, publisher: RecordingPublisher, providers: Mapping[str, Any], empty_tables: None
) -> Context:
    return Context(
        uow=UnitOfWork(engine, publisher),
        providers=providers,
        vault=Vault([_KEY]),
        note_quiet_period=timedelta(seconds=2),
        note_max_wait=timedelta(seconds=10),
        # a test that kills workers sees what they leave, not what the next one makes of it
        call_patience=timedelta(0),
    )


@pytest.fixture
def world(context: Context, owner: Engine, publisher: RecordingPublisher) -> World:
    return World(context, owner, publisher)


@pytest.fixture
def lost_answer() -> Callable[[CallError], Lost]:
    """Make a call that is done and whose answer is lost."""
    return Lost
