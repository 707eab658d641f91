"""One transaction per use case, and the hints that follow its commit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import DateTime, Engine, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from worker.crash_points import Commit, reach
from worker.errors import StoreUnavailableError


@dataclass(frozen=True, slots=True)
class Hint:
    """A wake-up: the task to run and ids for it to look at. Losing one costs a sweep interval, never data.

    `lane`: one waiting wake-up is enough for all that happens there. None: each is sent.
    `queue`: where it is sent instead of its task's own queue.
    `repeats`: it was sent before, as far as anybody knows. A queue that is full is not filled up with it.
    """

    task: str
    arguments: dict[str, Any] = field(default_factory=dict)
    lane: str | None = None
    queue: str | None = None
    repeats: bool = False


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
        """The database's time when it is first asked for: the only clock that rules look at.

        Asked for after a lock was waited for, it is not the past: a lease counts from then.
        """
        # a row that is half changed when the time is first asked for would be written as it stands
        with self.session.no_autoflush:
            return self.session.execute(
                select(func.clock_timestamp(type_=DateTime(timezone=True)))
            ).scalar_one()

    def hint(
        self,
        task: str,
        *,
        wakes_lane: str | None = None,
        on_queue: str | None = None,
        repeats: bool = False,
        **arguments: Any,
    ) -> None:
        """Wake a worker for this once the transaction has committed; never if it does not."""
        hint = Hint(task, arguments, wakes_lane, on_queue, repeats)
        if hint not in self.hints:
            self.hints.append(hint)


class UnitOfWork:
    """Opens transactions and publishes their hints after the commit."""

    def __init__(self, engine: Engine, publisher: Publisher) -> None:
        self._engine = engine
        self._publisher = publisher

    @contextmanager
    def begin(self, tenant: UUID | None, *, at: Commit | None = None) -> Iterator[Transaction]:
        """Open one transaction; commit at the end, roll back on any error, then publish its hints.

        `at` names a boundary that tests let the process die at (`worker.crash_points`).
        Raises StoreUnavailableError where Postgres could not be reached at all.
        """
        with Session(self._engine, expire_on_commit=False) as session:
            try:
                session.execute(_SET_TENANT, {"tenant": str(tenant or "")})
            except (OperationalError, PoolTimeoutError) as error:
                raise StoreUnavailableError("PostgreSQL does not answer") from error
            transaction = Transaction(session, tenant)
            yield transaction
            reach(at and at.before)
            session.commit()
        reach(at and at.after)
        if transaction.hints:
            self._publisher.publish(transaction.hints)


_SET_TENANT = text("SELECT set_config('ticketwalk.account_id', :tenant, true)")
