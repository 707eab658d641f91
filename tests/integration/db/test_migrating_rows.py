"""Migrating a database that has rows, as an owner who is no superuser and so stands before its own walls."""

from collections.abc import Iterator, Mapping
from uuid import UUID, uuid4

import pytest
from alembic import command
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.engine import URL

from worker.db.migrate import alembic_config, migrate

pytestmark = pytest.mark.integration

_ROWS = """
    INSERT INTO account (id, name) VALUES (:account, 'Acme');
    INSERT INTO user_account (id, account_id, email, role)
        VALUES (:user, :account, 'jdoe@acme.example', 'l1_tech');
    INSERT INTO ticket (id, account_id, kind, external_id) VALUES (:ticket, :account, 'internal', '1');
    INSERT INTO l1_walk_session (id, account_id, ticket_id, ticket_kind, user_id, kind)
        VALUES (:saved, :account, :ticket, 'internal', :user, 'adhoc');
    INSERT INTO l1_walk_session (id, account_id, ticket_id, ticket_kind, user_id, kind, status, resolved_at)
        VALUES (:untouched, :account, :ticket, 'internal', :user, 'adhoc', 'resolved', '2026-01-02 03:04Z');
    INSERT INTO note_draft (session_id, account_id, notes, revision) VALUES (:saved, :account,
        '[{"text": "own"}, {"psa_note_id": "7", "text": "typed"}]', 3);
    INSERT INTO command (account_id, ticket_id, type, payload, position, key, attempts, reason)
        VALUES (:account, :ticket, 'step.withdraw', '{}', 1, 'failed', 3, 'unexpected'),
               (:account, :ticket, 'step.withdraw', '{}', 2, 'killed', 2, NULL);
"""


@pytest.fixture
def owned(home, database_url) -> Iterator[tuple[URL, URL]]:
    """An empty database of an owner with few rights: the URLs of its owner, and of the superuser."""
    name = f"tw_{uuid4().hex}"
    server = create_engine(home.database_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN CREATEROLE PASSWORD 'x'")
        connection.exec_driver_sql(f"GRANT ticketwalk_app, ticketwalk_router TO {name}")
        connection.exec_driver_sql(f"CREATE DATABASE {name} OWNER {name}")
        url = make_url(home.database_url).set(database=name)
        yield url.set(username=name, password="x"), url
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        connection.exec_driver_sql(f"DROP ROLE {name}")
    server.dispose()


@pytest.fixture
def migrated(owned) -> Iterator[tuple[Connection, Mapping[str, UUID]]]:
    """A database whose rows are older than its schema, as a superuser sees it; and the ids of its rows."""
    owner, superuser = owned
    engine, looking = create_engine(owner), create_engine(superuser)
    with engine.connect() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.commit()
    ids = {name: uuid4() for name in ("account", "user", "ticket", "saved", "untouched")}
    with looking.begin() as connection:
        for statement in filter(str.strip, _ROWS.split(";\n")):
            names = [name for name in ids if f":{name}" in statement]
            connection.execute(text(statement), {name: ids[name] for name in names})
    migrate(owner.render_as_string(hide_password=False))
    with looking.connect() as connection:
        yield connection, ids
    engine.dispose()
    looking.dispose()


def test_every_walk_gets_its_draft_and_typed_notes_move_out_of_the_list(migrated):
    connection, ids = migrated
    query = "SELECT session_id, notes, ticket_notes, closed_at IS NOT NULL FROM note_draft"
    drafts = {session_id: tuple(rest) for session_id, *rest in connection.exec_driver_sql(query)}
    assert drafts == {
        ids["saved"]: ([{"text": "own"}], [{"psa_note_id": "7", "text": "typed"}], False),
        ids["untouched"]: ([], [], True),
    }


def test_what_had_failed_keeps_its_count(migrated):
    connection, _ = migrated
    counted = connection.exec_driver_sql("SELECT attempts, failures FROM command ORDER BY position").all()
    assert counted == [(3, 3), (2, 0)]


def test_every_wall_that_was_let_down_stands_again(migrated):
    connection, _ = migrated
    walls = connection.exec_driver_sql(
        "SELECT bool_and(relforcerowsecurity) FROM pg_class"
        " WHERE relname IN ('note_draft', 'l1_walk_session', 'delivery', 'command')"
    )
    assert walls.scalar_one()
