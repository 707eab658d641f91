"""One transaction per use case, and the hints that follow its commit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from worker.errors import StoreUnavailableError


@dataclass(frozen=True, slots=True)
class Hint:
    """A wake-up: the task to run and ids for it to look at. Losing one costs a sweep interval, never data."""

    task: str
    arguments: dict[str, Any] = field(default_factory=dict)


class Publisher(Protocol):
    """Sends hints to the workers. Bounded in time; never raises, since the sweep covers what it drops."""

    def publish(self, hints: Sequence[Hint]) -> None: ...


class Transaction:
    """An open transaction of one tenant (None: the service itself, across tenants)."""

    def __init__(self, session: Session, tenant: UUID | None) -> None:
        self.session = session
        self.tenant = tenant
        self.hints: list[Hint] = []

    @cached_property
    def now(self) -> datetime:
        """The database's time at the start of the transaction: the only clock that rules look at."""
        return self.session.execute(select(func.now())).scalar_one()

    def hint(self, task: str, **arguments: Any) -> None:
        """Wake a worker for this once the transaction has committed; never if it does not."""
        hint = Hint(task, arguments)
        if hint not in self.hints:
            self.hints.append(hint)


class UnitOfWork:
    """Opens transactions and publishes their hints after the commit."""

    def __init__(self, engine: Engine, publisher: Publisher) -> None:
        self._engine = engine
        self._publisher = publisher

    @contextmanager
    def begin(self, tenant: UUID | None) -> Iterator[Transaction]:
        """Open one transaction; commit at the end, roll back on any error, then publish its hints.

        Raises StoreUnavailableError where Postgres could not be reached at all.
        """
        with Session(self._engine, expire_on_commit=False) as session:
            try:
                session.execute(_SET_TENANT, {"tenant": str(tenant or "")})
            except (OperationalError, PoolTimeoutError) as error:
                raise StoreUnavailableError("PostgreSQL does not answer") from error
            transaction = Transaction(session, tenant)
            yield transaction
            session.commit()
        if transaction.hints:
            self._publisher.publish(transaction.hints)


_SET_TENANT = text("SELECT set_config('ticketwalk.account_id', :tenant, true)")
