"""The schema: what the migrations make, and what the application's role may do with it."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from worker.db.engine import APPLICATION_ROLE, ROUTER_ROLE
from worker.db.migrate import migrate, revision
from worker.db.models import Base

pytestmark = pytest.mark.integration


def test_the_migrations_make_what_the_models_say(owner):
    with owner.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_changes_nothing(database_url):
    in_force, newest = revision(database_url)
    assert in_force == newest == migrate(database_url)


def test_every_transaction_runs_as_the_applications_role(engine):
    for _ in range(2):
        with engine.begin() as connection:
            assert connection.execute(text("SELECT current_user")).scalar_one() == "ticketwalk_app"


@pytest.mark.parametrize("name", [APPLICATION_ROLE, ROUTER_ROLE])
def test_a_role_of_the_service_has_no_rights_that_would_undo_the_tenants_walls(owner, name):
    values = {"name": name}
    with owner.connect() as connection:
        role = connection.execute(
            text(
                "SELECT rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolcreatedb, rolreplication "
                "FROM pg_roles WHERE rolname = :name"
            ),
            values,
        ).one()
        owned = connection.execute(
            text("SELECT count(*) FROM pg_class WHERE relowner = CAST(:name AS regrole)"), values
        ).scalar_one()
        member_of = connection.execute(
            text("SELECT count(*) FROM pg_auth_members WHERE member = CAST(:name AS regrole)"), values
        ).scalar_one()
    assert (tuple(role), owned, member_of) == ((False,) * 6, 0, 0)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "DROP TABLE walk_step",
        "ALTER TABLE walk_step ADD COLUMN mine int",
        "TRUNCATE walk_step",
        "DELETE FROM audit_log",
        "DELETE FROM l1_walk_session",
        "DELETE FROM outbox",
        "UPDATE alembic_version SET version_num = 'x'",
        "DROP ROLE ticketwalk_app",
        "CREATE ROLE mine",
    ],
)
def test_the_applications_role_cannot_change_the_schema_or_remove_what_happened(engine, sql):
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
        engine.begin() as connection,
    ):
        connection.execute(text(sql))


def test_delivered_and_applied_rows_may_be_pruned(engine):
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM command WHERE false"))
        connection.execute(text("DELETE FROM delivery WHERE false"))


def test_statements_and_locks_are_bounded(engine):
    with engine.begin() as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "30s"
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "10s"
