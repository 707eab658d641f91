"""What a test does and asks: tenants, walks, deliveries, turns and pushes in a real database."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import Engine, text

from integrations.ports import Event, EventKind
from tests.integration.fakes import FakeProvider, RecordingPublisher
from worker.db.models import (
    AccountRow,
    ConnectionRow,
    ConnectionStateRow,
    FlowProposalRow,
    FlowRow,
    FlowVersionRow,
    UserRow,
)
from worker.db.unit_of_work import Hint
from worker.domain.words import CommandType, Role
from worker.errors import Refusal
from worker.services.carrying import carry_out
from worker.services.context import Context
from worker.services.filing import Lane
from worker.services.intake import NewDelivery, Stored, store
from worker.services.interpretation.interpret import Interpreted, interpret
from worker.services.lanes import drain
from worker.services.notes.flushing import flush_due
from worker.services.push import Pushed, push
from worker.services.vault import Secrets

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
