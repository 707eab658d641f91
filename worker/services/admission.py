"""Who may call a connection's PSA just now, and what its answers mean for those who come next.

The state is one row per connection in Postgres: a PSA's "wait until then" holds for every worker and every
kind of work, and outlives a restart. The row is locked last, after the row that the work is about, so no two
workers wait for each other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import select, update

from integrations.errors import AmbiguousError, CallError, ThrottledError, UnreachableError
from worker.db.models import ConnectionRow, ConnectionStateRow
from worker.db.unit_of_work import Transaction
from worker.domain.breaker import TRIAL, Standing, rest
from worker.services.context import Context
from worker.services.pacing import OwnLimitError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Admission:
    """Leave to call. `trial`: the one call that tries a connection after its rest."""

    connection_id: UUID
    trial: bool = False


def admit(tx: Transaction, connection_id: UUID) -> Admission | None:
    """Return leave to call, or None while the connection is paused.

    Asked for last, just before the work is claimed: after a rest, the first who asks is the trial, and all
    others stay out until it is over.
    """
    state = tx.session.get_one(ConnectionStateRow, connection_id, populate_existing=True)
    standing = Standing(state.failures, state.paused_until)
    if standing.pause_at(tx.now):
        return None
    if not standing.is_open:
        return Admission(connection_id)
    # two that ask at the same moment take turns here, and the second finds the first one's trial running
    state = _locked(tx, connection_id)
    standing = Standing(state.failures, state.paused_until)
    if standing.pause_at(tx.now):
        return None
    if standing.is_open:
        state.paused_until = tx.now + TRIAL
    return Admission(connection_id, trial=standing.is_open)


def heard(tx: Transaction, admission: Admission, error: CallError | None) -> None:
    """Take in what came of a call. `error` is None where the PSA did what it was asked."""
    if isinstance(error, OwnLimitError):
        _was_not_asked(tx, admission, error)
    elif isinstance(error, ThrottledError):
        _was_told_to_wait(tx, admission, error)
    elif isinstance(error, UnreachableError | AmbiguousError):
        _got_no_answer(tx, admission, str(error))
    else:  # a refusal is an answer too
        _got_an_answer(tx, admission)


@contextmanager
def calling(context: Context, connection: ConnectionRow) -> Iterator[None]:
    """Admit the calls inside and take in what comes of them, for work that claims no row of its own.

    Raises OwnLimitError, with the exact wait, while the connection is paused.
    """
    with context.uow.begin(connection.account_id) as tx:
        admission = admit(tx, connection.id)
        wait = None if admission else _wait(tx, connection.id)
    if admission is None:
        raise OwnLimitError("the connection is paused", retry_after=wait or timedelta(0))
    try:
        yield
    except CallError as error:
        with context.uow.begin(connection.account_id) as tx:
            heard(tx, admission, error)
        raise
    with context.uow.begin(connection.account_id) as tx:
        heard(tx, admission, None)


def _wait(tx: Transaction, connection_id: UUID) -> timedelta:
    paused_until = tx.session.get_one(ConnectionStateRow, connection_id).paused_until
    return max(paused_until - tx.now, timedelta(0)) if paused_until else timedelta(0)


def _got_an_answer(tx: Transaction, admission: Admission) -> None:
    """Close what was open. Where nothing was, it is a look at one row; a wait that was asked for stays."""
    closed = tx.session.execute(
        update(ConnectionStateRow)
        .where(ConnectionStateRow.connection_id == admission.connection_id, ConnectionStateRow.failures > 0)
        .values(failures=0, paused_until=None, pause_reason=None)
        .returning(ConnectionStateRow.connection_id)
        .execution_options(synchronize_session=False)
    )
    if closed.first() is not None:
        log.info("connection answers again", connection_id=str(admission.connection_id))


def _got_no_answer(tx: Transaction, admission: Admission, reason: str) -> None:
    state = _locked(tx, admission.connection_id)
    if Standing(state.failures).is_open and not admission.trial:
        return  # it was under way when the connection was given its rest
    state.failures += 1
    state.pause_reason = reason
    resting = rest(state.failures)
    if resting is not None:
        state.paused_until = tx.now + resting
        _report(state)


def _was_told_to_wait(tx: Transaction, admission: Admission, error: ThrottledError) -> None:
    """Nobody calls until then; of two waits the later one holds. Whoever says so is there."""
    state = _locked(tx, admission.connection_id)
    until = tx.now + error.retry_after
    if state.paused_until is not None and not Standing(state.failures).is_open:
        until = max(until, state.paused_until)
    state.failures, state.paused_until, state.pause_reason = 0, until, str(error)
    _report(state)


def _was_not_asked(tx: Transaction, admission: Admission, error: OwnLimitError) -> None:
    """A trial that our own limit held back has tried nothing: the next one is soon."""
    if admission.trial:
        _locked(tx, admission.connection_id).paused_until = tx.now + error.retry_after


def _report(state: ConnectionStateRow) -> None:
    log.warning(
        "connection paused",
        connection_id=str(state.connection_id),
        until=state.paused_until.isoformat() if state.paused_until else None,
        failures=state.failures,
        reason=state.pause_reason,
    )


def _locked(tx: Transaction, connection_id: UUID) -> ConnectionStateRow:
    query = select(ConnectionStateRow).where(ConnectionStateRow.connection_id == connection_id)
    return tx.session.scalars(query.with_for_update().execution_options(populate_existing=True)).one()
