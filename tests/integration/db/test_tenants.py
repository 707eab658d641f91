"""The walls between accounts, table by table: what each role sees and writes, whatever the query says."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, Table, event, make_url, select, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from integrations.ports import Event, EventKind
from worker.db.engine import IDENTITY_OPTION, ROUTER_ROLE, Identity, make_engine, make_owner_engine
from worker.db.migrate import migrate
from worker.db.models import TENANT_TABLES, Base
from worker.db.unit_of_work import UnitOfWork

pytestmark = pytest.mark.integration

#: Belong to no account: a row per queue, and the schema's revision.
FOR_ALL = {"canary", "alembic_version"}
#: All that the router may read. No secrets, no bodies, no notes, no words of people.
ROUTED = {
    "account": {"id", "name", "created_at"},
    "canary": {"queue", "drained_at"},
    "command": {
        *("id", "account_id", "ticket_id", "position", "type", "state", "next_attempt_at", "received_at"),
    },
    "connection": {"id", "account_id", "name"},
    "delivery": {
        *("id", "account_id", "connection_id", "lane", "event_kind", "external_ticket_id", "state"),
        *("next_attempt_at", "received_at"),
    },
    "l1_walk_session": {"id", "account_id", "ticket_id", "status", "started_at", "last_step_at"},
    "note_draft": {"session_id", "account_id", "first_dirty_at", "due_at"},
    "note_tally": {"account_id", "late_within_ms", "writes", "saves", "late_seconds"},
    "connection_state": {
        *("connection_id", "account_id", "paused_until", "failures", "reconcile_due_at", "check_due_at"),
    },
    "outbox": {
        "id",
        "account_id",
        "connection_id",
        "ticket_id",
        "session_id",
        "kind",
        "state",
        "next_attempt_at",
        "created_at",
    },
    "ticket": {"id", "external_id"},
}
TABLES = sorted(TENANT_TABLES)
COLUMNS = [(table.name, column.name) for table in Base.metadata.sorted_tables for column in table.columns]


@contextmanager
def acting(engine: Engine, identity: Identity) -> Iterator[Connection]:
    """A transaction of this identity, which changes nothing in the end."""
    with engine.connect().execution_options(**{IDENTITY_OPTION: identity}) as connection:
        yield connection


def owner_column(table: str) -> str:
    return "id" if table == "account" else "account_id"


def walks_once(world, tenant) -> None:
    """Leave a row of the tenant in every table."""
    start = {"connection": tenant.psa, "ticket": "1", "user": str(tenant.users["tech"])}
    session = world.do("session.start_flow", **start, flow="VPN down")["session_id"]
    world.do("step.record", session=session, node_id="link", answer="yes")
    world.do("notes.save", session=session, notes=[{"text": "no light"}])
    world.pause_is_over(session)
    world.do("session.resolve", session=session)
    home, world.home_tenant = world.home_tenant, tenant
    world.deliver(Event(EventKind.TICKET_CHANGED, dedupe_key="k", ticket_id="1"))
    world.home_tenant = home


@pytest.fixture
def rival(world):
    """Two accounts with a row of each in every table. Returns the other one."""
    made = world.tenant("Rival")
    for tenant in (world.home_tenant, made):
        walks_once(world, tenant)
    for table in TABLES:
        owners = world.rows(f"SELECT DISTINCT {owner_column(table)} FROM {table}")  # noqa: S608 - literals
        assert len(owners) == 2, table
    return made


def copy_of_a_row(world, table: str, account_id) -> tuple[str, dict[str, str]]:
    """Return SQL that inserts a row of the account, made of a row that stands."""
    columns = [column.name for column in Base.metadata.tables[table].columns if not column.identity]
    row = world.rows(f"SELECT to_jsonb(t) FROM {table} t LIMIT 1")[0]  # noqa: S608 - literals
    listed = ", ".join(columns)
    sql = (
        f"INSERT INTO {table} ({listed}) "  # noqa: S608 - literals
        f"SELECT {listed} FROM jsonb_populate_record(NULL::{table}, CAST(:row AS jsonb))"
    )
    return sql, {"row": json.dumps({**row, owner_column(table): str(account_id)})}


def test_the_tables_of_the_schema_are_those_that_the_tests_know(owner):
    with owner.connect() as connection:
        standing = connection.scalars(
            text(
                "SELECT relname FROM pg_class "
                "WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
            )
        ).all()
    assert set(standing) == set(TABLES) | FOR_ALL
    assert {name for name, table in Base.metadata.tables.items() if belongs_to_an_account(table)} == set(
        TABLES
    )


def belongs_to_an_account(table: Table) -> bool:
    return table.name == "account" or "account_id" in table.columns


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_its_wall_and_its_owner_stands_behind_it_too(owner, table):
    with owner.connect() as connection:
        forced = connection.execute(
            text("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = CAST(:t AS regclass)"),
            {"t": table},
        ).one()
        policies = connection.execute(
            text(
                "SELECT policyname, roles::text[], cmd, with_check = qual "
                "FROM pg_policies WHERE tablename = :t"
            ),
            {"t": table},
        ).all()
    assert tuple(forced) == (True, True)
    expected: set[tuple[object, ...]] = {("own_account", "ticketwalk_app", "ALL", True)}
    if table in ROUTED:
        expected.add(("every_account", "ticketwalk_router", "SELECT", None))
    assert {(name, *roles, command, checked) for name, roles, command, checked in policies} == expected


@pytest.mark.parametrize("table", TABLES)
def test_an_account_sees_its_own_rows_whatever_the_query_forgets(world, engine, rival, table):
    column = Base.metadata.tables[table].columns[owner_column(table)]
    for account_id in (world.home_tenant.account_id, rival.account_id):
        with acting(engine, Identity(account_id=account_id)) as connection:
            assert set(connection.scalars(select(column))) == {account_id}


@pytest.mark.parametrize("table", TABLES)
def test_an_account_changes_no_row_of_another(world, engine, rival, table):
    column = owner_column(table)
    with acting(engine, Identity(account_id=world.home_tenant.account_id)) as connection:
        values = {"other": rival.account_id}
        changed = connection.execute(
            text(f"UPDATE {table} SET {column} = {column} WHERE {column} = :other"),  # noqa: S608 - literals
            values,
        )
        assert changed.rowcount == 0
        if table in ("command", "delivery"):
            removed = connection.execute(
                text(f"DELETE FROM {table} WHERE {column} = :other"),  # noqa: S608 - literals
                values,
            )
            assert removed.rowcount == 0


@pytest.mark.parametrize("table", TABLES)
def test_an_account_gives_no_row_to_another(world, engine, rival, table):
    given_away = f"UPDATE {table} SET {owner_column(table)} = :other"  # noqa: S608 - literals
    for sql, values in (
        copy_of_a_row(world, table, rival.account_id),
        (given_away, {"other": rival.account_id}),
    ):
        with (
            acting(engine, Identity(account_id=world.home_tenant.account_id)) as connection,
            pytest.raises(ProgrammingError, match="violates row-level security policy"),
        ):
            connection.execute(text(sql), values)


@pytest.mark.parametrize("table", TABLES)
def test_without_an_account_nothing_is_seen_and_nothing_is_written(world, engine, rival, table):
    with engine.connect() as connection:
        assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0  # noqa: S608 - literals
    sql, values = copy_of_a_row(world, table, world.home_tenant.account_id)
    with (
        engine.connect() as connection,
        pytest.raises(ProgrammingError, match="violates row-level security policy"),
    ):
        connection.execute(text(sql), values)


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_the_router_reads_what_its_work_needs_of_every_account_and_no_more(engine, table, column):
    query = text(f"SELECT {column} FROM {table}")  # noqa: S608 - literals
    with acting(engine, Identity(role=ROUTER_ROLE)) as connection:
        if column in ROUTED.get(table, ()):
            connection.execute(query)
        else:
            with pytest.raises(ProgrammingError, match="permission denied"):
                connection.execute(query)


def test_the_router_finds_rows_of_every_account(world, engine, rival):
    with acting(engine, Identity(role=ROUTER_ROLE)) as connection:
        for table in ROUTED.keys() - FOR_ALL - {"ticket"}:
            column = Base.metadata.tables[table].columns[owner_column(table)]
            assert set(connection.scalars(select(column))) == {world.home_tenant.account_id, rival.account_id}


@pytest.mark.parametrize("table", [*TABLES, "alembic_version"])
@pytest.mark.parametrize(
    "verb", ["INSERT INTO {} DEFAULT VALUES", "UPDATE {0} SET {1} = {1}", "DELETE FROM {}"]
)
def test_the_router_writes_to_no_account(engine, table, verb):
    column = owner_column(table) if table in TABLES else "version_num"
    with (
        acting(engine, Identity(role=ROUTER_ROLE)) as connection,
        pytest.raises(ProgrammingError, match="permission denied"),
    ):
        connection.execute(text(verb.format(table, column)))


def test_the_canary_is_the_routers_alone(engine):
    write = text("INSERT INTO canary VALUES ('commands', now())")
    with acting(engine, Identity(role=ROUTER_ROLE)) as connection:
        connection.execute(write)
    with (
        acting(engine, Identity(account_id=uuid4())) as connection,
        pytest.raises(ProgrammingError, match="permission denied"),
    ):
        connection.execute(write)


@pytest.fixture
def single(database_url) -> Iterator[Engine]:
    """The rights of the application, over one connection at a time."""
    made = make_engine(database_url, pool_size=1)
    yield made
    made.dispose()


def test_a_pooled_connection_keeps_nothing_of_its_last_transaction(world, single):
    """Nothing of a session is set, so it holds behind PgBouncer in transaction mode as well."""
    identity = Identity(account_id=world.home_tenant.account_id)
    backends = set()
    for ending in ("commit", "rollback"):
        with acting(single, identity) as connection:
            for _ in range(10):  # psycopg would prepare a statement that it sees for the fifth time
                backends.add(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
            getattr(connection, ending)()
        pooled = single.raw_connection()
        left = pooled.cursor().execute(
            "SELECT pg_backend_pid(), current_setting('role'), "
            "current_setting('ticketwalk.account_id', true), current_setting('statement_timeout'), "
            "(SELECT count(*) FROM pg_prepared_statements)"
        )
        backend, *state = left.fetchone()
        pooled.close()
        backends.add(backend)
        assert state == ["none", "", "0", 0]
        with single.connect() as nobody:
            assert nobody.execute(text("SELECT count(*) FROM account")).scalar_one() == 0
    assert len(backends) == 1


def test_role_account_and_time_outs_are_entered_in_one_statement(world, single):
    statements: list[str] = []
    event.listen(single, "before_cursor_execute", lambda *call: statements.append(call[2]))
    uow = UnitOfWork(single, world.publisher)
    for opened in (uow.begin(world.home_tenant.account_id), uow.across()):
        statements.clear()
        with opened:
            pass
        assert len(statements) == 1


def test_the_owner_of_the_tables_who_is_no_superuser_migrates_and_sees_no_rows_either(home, owner):
    """As on a server of one's own: a plain login owns the schema, and a superuser made the roles before."""
    name = f"plain_{uuid4().hex[:8]}"
    url = make_url(home.database_url).set(username=name, database=name).render_as_string()
    superuser = owner.execution_options(isolation_level="AUTOCOMMIT")
    with superuser.connect() as connection:
        connection.execute(text(f"CREATE ROLE {name} LOGIN"))
        connection.execute(text(f"GRANT ticketwalk_app, ticketwalk_router TO {name}"))
        connection.execute(text(f"CREATE DATABASE {name} OWNER {name}"))
    try:
        migrate(url)
        account_id = uuid4()
        application, plain = make_engine(url, pool_size=1), make_owner_engine(url)
        with application.connect().execution_options(
            **{IDENTITY_OPTION: Identity(account_id=account_id)}
        ) as connection:
            connection.execute(text("INSERT INTO account VALUES (:id, 'Acme')"), {"id": account_id})
            connection.commit()
        with acting(application, Identity(role=ROUTER_ROLE)) as connection:
            assert connection.execute(text("SELECT name FROM account")).scalar_one() == "Acme"
        with plain.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM account")).scalar_one() == 0
            with pytest.raises(DBAPIError, match="violates row-level security policy"):
                connection.execute(text("INSERT INTO account VALUES (:id, 'Mine')"), {"id": uuid4()})
        application.dispose()
        plain.dispose()
    finally:
        with superuser.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
            connection.execute(text(f"DROP ROLE {name}"))
