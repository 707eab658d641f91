"""How it goes with a connection is kept from its first moment, also of one that was there before."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from alembic import command
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from worker.db.engine import make_owner_engine
from worker.db.migrate import alembic_config, migrate

pytestmark = pytest.mark.integration


@pytest.fixture
def older(owner: Engine, home) -> Iterator[str]:
    """A database of the first revision. Its URL."""
    name = f"older_{uuid4().hex}"
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = make_url(home.database_url).set(database=name).render_as_string(hide_password=False)
    engine = make_owner_engine(url)
    with engine.begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    yield url
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"DROP DATABASE {name}"))


def test_a_connection_that_was_there_before_is_reconciled_from_its_beginning(older):
    engine = make_owner_engine(older)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO account (id, name) VALUES (gen_random_uuid(), 'Acme')"))
        connection.execute(
            text(
                "INSERT INTO connection (id, account_id, provider, name, base_url, secrets, created_at)"
                " SELECT gen_random_uuid(), id, 'connectwise', 'old', 'https://psa.example', '',"
                " now() - interval '1 year' FROM account"
            )
        )
    migrate(older)
    with engine.begin() as connection:
        state = connection.execute(
            text(
                "SELECT s.watermark = c.created_at, s.failures, s.problems FROM connection_state s"
                " JOIN connection c ON (c.account_id, c.id) = (s.account_id, s.connection_id)"
            )
        ).one()
    engine.dispose()
    assert tuple(state) == (True, 0, [])
