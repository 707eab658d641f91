"""One transaction per use case, and the hints that follow its commit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import DateTime, Engine, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from worker.crash_points import Commit, reach
from worker.db.engine import IDENTITY_OPTION, ROUTER_ROLE, Identity, enter_account
from worker.errors import StoreUnavailableError


@dataclass(frozen=True, slots=True)
class Hint:
    """A wake-up: the task to run and ids for it to look at. Losing one costs a sweep interval, never data.

    `lane`: one waiting wake-up is enough for all that happens there. None: each is sent.
    `queue`: where it is sent instead of its task's own queue.
    `repeats`: it was sent before, as far as anybody knows. Few of an account's wait (`worker/shares.py`).
    """

    task: str
    arguments: dict[str, Any] = field(default_factory=dict)
    lane: str | None = None
    queue: str | None = None
    repeats: bool = False


class Publisher(Protocol):
    """Sends hints to the workers. Bounded in time; never raises, since the sweep covers what it drops."""

    def publish(self, hints: Sequence[Hint]) -> None: ...


class Open:
    """What every open transaction has: a session, the database's clock, and hints for after the commit."""

    def __init__(self, session: Session) -> None:
        self.session = session
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


class Transaction(Open):
    """An open transaction of one account: the store shows and takes no other account's rows."""

    def __init__(self, session: Session, account_id: UUID) -> None:
        super().__init__(session)
        self.account_id = account_id

    def turn_to(self, account_id: UUID) -> None:
        """Go on in another account: only where rows of several are to be committed together."""
        if account_id == self.account_id:
            return
        self.session.flush()
        self.session.expunge_all()
        enter_account(self.session.connection(), account_id)
        self.account_id = account_id


class Across(Open):
    """An open transaction over all accounts. It sees ids, names, states and times, and no content.

    What it finds is read and changed in a `Transaction` of the account it belongs to.
    """


class UnitOfWork:
    """Opens transactions and publishes their hints after the commit."""

    def __init__(self, engine: Engine, publisher: Publisher) -> None:
        self._engine = engine
        self._publisher = publisher

    @contextmanager
    def begin(self, account_id: UUID, *, at: Commit | None = None) -> Iterator[Transaction]:
        """Open one transaction; commit at the end, roll back on any error, then publish its hints.

        `at` names a boundary that tests let the process die at (`worker.crash_points`).
        Raises StoreUnavailableError where Postgres could not be reached at all.
        """
        with self._session(Identity(account_id=account_id)) as session:
            transaction = Transaction(session, account_id)
            yield transaction
            _commit(session, at)
        self._publish(transaction)

    @contextmanager
    def across(self, *, at: Commit | None = None) -> Iterator[Across]:
        """Open one transaction over all accounts, as `begin` does for one."""
        with self._session(Identity(role=ROUTER_ROLE)) as session:
            transaction = Across(session)
            yield transaction
            _commit(session, at)
        self._publish(transaction)

    @contextmanager
    def _session(self, identity: Identity) -> Iterator[Session]:
        with Session(self._engine, expire_on_commit=False) as session:
            try:
                session.connection(execution_options={IDENTITY_OPTION: identity})
            except (OperationalError, PoolTimeoutError) as error:
                raise StoreUnavailableError("PostgreSQL does not answer") from error
            yield session

    def _publish(self, transaction: Open) -> None:
        if transaction.hints:
            self._publisher.publish(transaction.hints)


def _commit(session: Session, at: Commit | None) -> None:
    reach(at and at.before)
    session.commit()
    reach(at and at.after)
