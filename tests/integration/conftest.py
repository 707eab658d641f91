"""A world to test in: a real PostgreSQL, one account in it, and PSAs that are fakes at the port."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine

from integrations.errors import CallError
from tests.integration.fakes import FakeProvider, FakePsa, Lost, RecordingPublisher
from tests.integration.stored_ticket import Trap
from tests.integration.world import World
from worker import crash_points
from worker.db.engine import make_engine, make_owner_engine
from worker.db.migrate import migrate
from worker.db.unit_of_work import UnitOfWork
from worker.runtime.home import Home
from worker.services.context import Context
from worker.services.vault import Vault

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


@pytest.fixture
def trap(monkeypatch: pytest.MonkeyPatch) -> Trap:
    made = Trap()
    monkeypatch.setattr(crash_points, "_armed", lambda: made)
    return made
