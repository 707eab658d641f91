"""Every task, asked in one account for what is another's, is refused, and the other's rows stay as they are.

All of it is tried twice: as the code is written, and with the account taken out of every query.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import BinaryExpression, Column, Executable, event, true
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.visitors import ExternallyTraversible

import tasks.context
from integrations.ports import Event, EventKind
from tests.integration.attempts import BODIES, FOR_ALL_ACCOUNTS, Mine, Theirs, attempts
from worker.celery import app
from worker.db.models import TENANT_TABLES
from worker.domain.requests import REQUESTS
from worker.domain.words import CommandType
from worker.runtime.home import Home
from worker.services import routing, views
from worker.services.filing import Lane
from worker.services.intake import NewDelivery, store
from worker.services.lanes import drain
from worker.settings import load_settings

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def home_settings(home: Home) -> Iterator[None]:
    """The Celery app looks at the tests' own home, so it starts no other servers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TICKETWALK_HOME", str(home.path))
        load_settings.cache_clear()
        yield
    load_settings.cache_clear()


@pytest.fixture
def registered(world, home_settings, monkeypatch) -> Iterator[Mapping[str, Any]]:
    """Every task by its name, each working on the test's own context."""
    tasks.context.task_context.cache_clear()
    monkeypatch.setattr(tasks.context, "build", lambda *_: world.context)
    yield {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}
    tasks.context.task_context.cache_clear()


@pytest.fixture
def theirs(world) -> Theirs:
    """Another account in the middle of its work: something is open in every table."""
    rival = world.tenant("Rival")
    start = {"connection": rival.psa, "user": str(rival.users["tech"])}
    closed = world.do("session.start_flow", **start, ticket="1", flow="VPN down")["session_id"]
    world.do("session.resolve", session=closed)
    session = world.do("session.start_adhoc", **start, ticket="1")["session_id"]
    world.do("notes.save", session=session, notes=[{"text": "a draft"}], revision=1)
    walked = world.do("session.start_flow", **start, ticket="2", flow="VPN down")["session_id"]
    world.do("step.record", session=walked, node_id="link", answer="yes")
    world.do("notes.save", session=walked, notes=[{"text": "written"}], revision=1)
    world.pause_is_over(walked)
    # a command that waits for the number before it, so it is pending
    waiting = world.do("step.record", session=walked, node_id="ping", answer="yes", sequence=7)["command_id"]
    home, world.home_tenant = world.home_tenant, rival
    delivery = world.ticket_changed("3")
    world.home_tenant = home
    return Theirs(
        name="Rival",
        psa=rival.psa,
        user=str(rival.users["tech"]),
        flow=str(rival.flow_id),
        proposal=str(rival.proposal_id),
        session=session,
        command=waiting,
        delivery=delivery,
        entry=world.one("SELECT id FROM outbox WHERE kind = 'note'"),
    )


@pytest.fixture
def mine(world) -> Mine:
    tenant = world.home_tenant
    return Mine(
        account=str(tenant.account_id),
        psa=tenant.psa,
        standard=tenant.standard,
        user=str(tenant.users["tech"]),
        session=world.started("flow"),
    )


@pytest.fixture(params=["as it is written", "without the account in any query"])
def queries(request, world, mine, theirs) -> Iterator[None]:
    """As the code is, and as it would be if every query had forgotten its account."""
    if request.param == "as it is written":
        yield
        return
    forgotten = []

    def forget(state: ORMExecuteState) -> None:
        def drop(element: Any, **_: Any) -> Any:
            if is_account_condition(element):
                forgotten.append(element)
                return true()
            return None

        statement = cast("ExternallyTraversible", state.statement)
        state.statement = cast("Executable", visitors.replacement_traverse(statement, {}, drop))

    event.listen(Session, "do_orm_execute", forget)
    try:
        # it does what it says: the user's look-up has lost its account, and finds nobody else's all the same
        assert world.start(ticket="8", user="tech")["outcome"] == "applied"
        assert forgotten
        yield
    finally:
        event.remove(Session, "do_orm_execute", forget)


def is_account_condition(element: Any) -> bool:
    return (
        isinstance(element, BinaryExpression)
        and element.operator is operators.eq
        and isinstance(element.left, Column)
        and element.left.name == "account_id"
    )


def rows_of(world, account_name: str) -> dict[str, list[str]]:
    """Return every row of an account, as text."""
    account_id = world.one("SELECT id FROM account WHERE name = :name", name=account_name)
    return {
        table: world.rows(
            f"SELECT t::text FROM {table} t "  # noqa: S608 - literals
            f"WHERE {'id' if table == 'account' else 'account_id'} = :id ORDER BY 1",
            id=account_id,
        )
        for table in sorted(TENANT_TABLES)
    }


def test_every_task_has_its_attempts(registered):
    without = {name for name in registered if not attempts(name)}
    assert without == FOR_ALL_ACCOUNTS


def test_every_command_has_its_body():
    assert set(BODIES) == set(REQUESTS) == set(CommandType)


def test_no_task_reaches_what_is_another_accounts(registered, world, mine, theirs, queries):
    before = rows_of(world, "Rival")
    assert all(before.values())
    for name, task in registered.items():
        for attempt in attempts(name):
            arguments = attempt(mine, theirs)
            result = task(**arguments)
            assert result["outcome"] == "refused", (name, arguments, result)
            assert "a draft" not in json.dumps(result)
    assert rows_of(world, "Rival") == before


@pytest.mark.parametrize(
    ("message", "data"),
    [
        ("session.start", {"ticket_id": "1", "kind": "flow", "flow": "FLOW", "user": "tech@acme.example"}),
        ("session.start", {"ticket_id": "1", "kind": "adhoc", "user": "USER"}),
        ("step.record", {"session_id": "SESSION", "node_id": "link", "answer": "no"}),
        ("step.withdraw", {"session_id": "SESSION"}),
        ("notes.save", {"session_id": "SESSION", "notes": [{"text": "theirs"}], "revision": 1_000}),
        ("session.resolve", {"session_id": "SESSION"}),
        ("session.escalate", {"session_id": "SESSION", "escalation_reason": "theirs"}),
    ],
)
def test_no_signed_delivery_reaches_what_is_another_accounts(world, mine, theirs, queries, message, data):
    before = rows_of(world, "Rival")
    ids = {"FLOW": theirs.flow, "USER": theirs.user, "SESSION": theirs.session}
    body = json.dumps(
        {"type": message, "data": {name: ids.get(str(value), value) for name, value in data.items()}}
    )
    delivered = Event(EventKind.COMMAND, dedupe_key="m1")
    (stored,) = world.deliver(delivered, connection=mine.standard, body=body.encode())
    world.interpret(stored.delivery_id)
    for ticket_id in world.rows("SELECT id FROM ticket WHERE connection_id = :id", id=mine.standard):
        drain(world.context, Lane(world.home_tenant.account_id, ticket_id))
    states = world.rows(
        "SELECT d.state, c.state FROM delivery d LEFT JOIN command c ON c.delivery_id = d.id "
        "WHERE d.id = :id",
        id=stored.delivery_id,
    )
    assert "refused" in states[0]
    assert rows_of(world, "Rival") == before


def test_no_view_shows_what_is_another_accounts(world, mine, theirs, queries):
    views_of_one: list[tuple[Callable[..., Any], Any]] = [
        (views.walk, UUID(theirs.session)),
        (views.command, theirs.command),
        (views.command_line, theirs.command),
        (lambda tx, row_id: views.delivery(tx, row_id, with_body=True), theirs.delivery),
    ]
    for view, row_id in views_of_one:
        with (
            world.context.uow.begin(world.home_tenant.account_id) as tx,
            pytest.raises(world.refusal, match="there is no"),
        ):
            view(tx, row_id)


def test_a_named_account_is_the_only_one_that_is_listed(world, mine, theirs, queries):
    for tx in routing.each_account(world.context, "Acme"):
        assert tx.account_id == world.home_tenant.account_id


def test_the_sweep_hints_at_each_row_in_its_own_account(registered, world, mine, theirs):
    world.rows("UPDATE note_draft SET due_at = now() WHERE due_at IS NOT NULL")
    world.rows("UPDATE delivery SET next_attempt_at = now() - interval '1 minute'")
    world.rows("UPDATE outbox SET next_attempt_at = now() - interval '1 minute'")
    world.rows("UPDATE command SET next_attempt_at = now() - interval '1 minute'")
    world.published.clear()
    registered["maintenance.sweep"]()
    rival = str(world.one("SELECT id FROM account WHERE name = 'Rival'"))
    swept = {hint.task: hint.arguments["account_id"] for hint in world.published}
    assert swept == dict.fromkeys(["delivery.interpret", "step.record", "notes.flush", "psa.push"], rival)


def test_deliveries_of_two_accounts_share_a_commit_and_keep_their_order(world, mine, theirs):
    rival = world.one("SELECT id FROM account WHERE name = 'Rival'")
    owners = [world.home_tenant.account_id, rival, world.home_tenant.account_id, rival]
    connections = {world.home_tenant.account_id: UUID(mine.psa), rival: UUID(theirs.psa)}
    batch = [
        NewDelivery(
            account_id=owner,
            connection_id=connections[owner],
            lane="5",
            event=Event(EventKind.TICKET_CHANGED, dedupe_key=f"both:{number % 3}", ticket_id="5"),
            body=b"{}",
        )
        for number, owner in enumerate(owners)
    ]
    world.published.clear()
    stored = store(world.context, batch)
    ids = [entry.delivery_id for entry in stored]
    assert [
        world.one("SELECT account_id FROM delivery WHERE id = :id", id=delivery_id) for delivery_id in ids
    ] == owners
    assert [entry.duplicate for entry in stored] == [False] * 4
    assert world.one("SELECT count(DISTINCT xmin::text) FROM delivery WHERE lane = '5'") == 1
    assert [hint.arguments["account_id"] for hint in world.published] == [str(owner) for owner in owners[:2]]
    assert [entry.duplicate for entry in store(world.context, batch)] == [True] * 4
