"""Flush drafts: one session's now, or whatever of an account is due. Safe at any time, by any number."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from psycopg.errors import QueryCanceled
from sqlalchemy import TextClause, bindparam, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.types import Uuid

from worker.crash_points import Commit
from worker.db.models import SessionRow
from worker.db.unit_of_work import Transaction
from worker.domain.notes import lateness_bound
from worker.domain.words import Outcome
from worker.errors import Refusal
from worker.services import routing
from worker.services.context import Context
from worker.services.notes.writing import Written, write_drafts

log = structlog.get_logger()

#: Drafts written in one transaction: what a killed worker leaves undone, and what a save may wait for.
BATCH_LIMIT = 100
#: Batches in one task; the rest is hinted for, so that one account holds no worker for long.
BATCHES = 20
#: Until a draft that cannot be written is tried again.
PUT_OFF = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Flushed:
    """What a flush did. `revision` is None where nothing was unwritten."""

    session_id: UUID
    revision: int | None


def flush_session(
    context: Context, *, session_id: UUID, account_id: UUID | None = None, only_due: bool = False
) -> Flushed:
    """Write a session's draft to its walk now, or only if its pause is over.

    Without an account the session's own is found out; with one, a session of another is refused.
    """
    account_id = account_id or routing.account_of(context, SessionRow, session_id)
    with context.uow.begin(account_id, at=Commit.FLUSH) as tx:
        query = select(SessionRow.id).where(SessionRow.id == session_id).with_for_update(key_share=True)
        if tx.session.scalars(query).one_or_none() is None:
            raise routing.unknown(SessionRow, session_id)
        written = write_drafts(tx, context, [session_id], only_due=only_due)
        return Flushed(session_id, written[0].revision if written else None)


def flush_by_name(
    context: Context, session: str, *, account_id: UUID | None = None, only_due: bool
) -> dict[str, Any]:
    """Flush the session with this id. Return the result of the task."""
    try:
        session_id = UUID(session)
    except (ValueError, AttributeError, TypeError):
        raise Refusal("unknown_session", "session is no id of a walk session") from None
    done = flush_session(context, session_id=session_id, account_id=account_id, only_due=only_due)
    return {"outcome": Outcome.APPLIED.value, "session_id": str(done.session_id), "revision": done.revision}


def flush_due(context: Context, *, account_id: UUID | None) -> dict[str, Any]:
    """Write what is due of an account, batch by batch. Return the result of the task."""
    if account_id is None:
        raise Refusal("invalid", "notes.flush takes a session, or an account_id")
    written = 0
    for _ in range(BATCHES):
        batch = _flush_batch(context, account_id)
        written += batch
        if batch < BATCH_LIMIT:
            break
    else:
        hint_due_drafts(context)
    return {"outcome": Outcome.APPLIED.value, "written": written}


def hint_due_drafts(context: Context) -> int:
    """Wake a worker for each account that has due drafts and none waiting. Return how many accounts."""
    with context.uow.across(at=Commit.SWEEP) as tx:
        accounts = tx.session.scalars(_ACCOUNTS).all()
        for account_id in accounts:
            tx.hint(
                "notes.flush",
                wakes_lane=f"drafts:{account_id}",
                repeats=True,
                account_id=str(account_id),
            )
    return len(accounts)


def _flush_batch(context: Context, account_id: UUID) -> int:
    """Write one batch. Walks that a turn is working on are left out: they are due a moment later too."""
    try:
        return _write_due(context, account_id, _LOCK_DUE)
    except OperationalError as error:
        if not isinstance(error.orig, QueryCanceled):  # the database's trouble, not a draft's
            raise
        return _flush_one_by_one(context, account_id)
    except DBAPIError:
        return _flush_one_by_one(context, account_id)


def _write_due(context: Context, account_id: UUID, lock: TextClause, **values: object) -> int:
    with context.uow.begin(account_id, at=Commit.FLUSH) as tx:
        locked = tx.session.scalars(lock, {"account": account_id, "limit": BATCH_LIMIT, **values}).all()
        written = write_drafts(tx, context, locked, only_due=True) if locked else []
        if written:
            _tally(tx, account_id, written)
    return len(written)


def _flush_one_by_one(context: Context, account_id: UUID) -> int:
    """Write each alone what failed together, so that one that cannot be written holds up no other."""
    with context.uow.begin(account_id) as tx:
        due = tx.session.scalars(_DUE, {"account": account_id, "limit": BATCH_LIMIT}).all()
    written = 0
    for session_id in due:
        try:
            written += _write_due(context, account_id, _LOCK_ONE, session=session_id)
        except DBAPIError as error:
            _put_off(context, account_id, session_id, error)
    return written


def _put_off(context: Context, account_id: UUID, session_id: UUID, error: DBAPIError) -> None:
    """It stays dirty, and its age grows in the metrics."""
    with context.uow.begin(account_id) as tx:
        tx.session.execute(_PUT_OFF_ONE, {"session": session_id, "wait": PUT_OFF})
    log.error("draft not written", session_id=str(session_id), error=type(error.orig).__name__)


def _tally(tx: Transaction, account_id: UUID, written: Sequence[Written]) -> None:
    """Count for the metrics; last in the transaction, since all flushes of an account meet in these rows."""
    counts: dict[int, dict[str, Any]] = {}
    for draft in written:
        late = max(draft.late, timedelta(0))
        line = counts.setdefault(lateness_bound(late), {"writes": 0, "saves": 0, "seconds": 0.0})
        line["writes"] += 1
        line["saves"] += draft.saves
        line["seconds"] += late.total_seconds()
    lines = [{"account": account_id, "bound": bound, **counts[bound]} for bound in sorted(counts)]
    tx.session.execute(_TALLY, lines)


_ACCOUNT = bindparam("account", type_=Uuid)

#: Few drafts are dirty at a time, and an index knows them; `due_at` itself is in none, since it changes with
#: every save. Accounts take turns by themselves: each has a task of its own.
_ACCOUNTS = text("""
    SELECT DISTINCT account_id FROM note_draft WHERE first_dirty_at IS NOT NULL AND due_at <= now()
""").columns(account_id=Uuid)

_DUE_OF_ACCOUNT = """
    SELECT session_id FROM note_draft
    WHERE first_dirty_at IS NOT NULL AND due_at <= clock_timestamp() AND account_id = :account
"""
_OLDEST = "ORDER BY first_dirty_at LIMIT :limit"


def _lock_sessions(chosen: str) -> TextClause:
    query = f"""
        SELECT id FROM l1_walk_session WHERE id IN ({chosen}) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    """  # noqa: S608 - our own text only
    return text(query).bindparams(_ACCOUNT)


_DUE = text(f"{_DUE_OF_ACCOUNT} {_OLDEST}").bindparams(_ACCOUNT)
_LOCK_DUE = _lock_sessions(f"{_DUE_OF_ACCOUNT} {_OLDEST}")
_LOCK_ONE = _lock_sessions(f"{_DUE_OF_ACCOUNT} AND session_id = :session {_OLDEST}")

_PUT_OFF_ONE = text("""
    UPDATE note_draft SET due_at = clock_timestamp() + :wait
    WHERE session_id = :session AND due_at <= clock_timestamp()
""")

_TALLY = text("""
    INSERT INTO note_tally (account_id, late_within_ms, writes, saves, late_seconds)
    VALUES (:account, :bound, :writes, :saves, :seconds)
    ON CONFLICT (account_id, late_within_ms) DO UPDATE SET
        writes = note_tally.writes + excluded.writes,
        saves = note_tally.saves + excluded.saves,
        late_seconds = note_tally.late_seconds + excluded.late_seconds
""").bindparams(_ACCOUNT)
