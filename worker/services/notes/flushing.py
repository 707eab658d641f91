"""Flush drafts: one session's now, or whatever of an account is due. Safe at any time, by any number."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.types import Uuid

from worker.crash_points import Commit
from worker.db.models import NoteDraftRow, SessionRow
from worker.db.unit_of_work import Transaction
from worker.domain.notes import lateness_bound
from worker.domain.words import Outcome
from worker.errors import Refusal
from worker.services import routing
from worker.services.context import Context
from worker.services.notes.writing import Written, write_drafts

#: Drafts written in one transaction: what a killed worker leaves undone, and what a save may wait for.
BATCH_LIMIT = 100
#: Batches in one task; the rest is hinted for, so that one account holds no worker for long.
BATCHES = 20


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
        if only_due and not _is_due(tx, session_id):
            return Flushed(session_id, None)
        written = write_drafts(tx, context, [session_id])
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
    """Wake a worker for each account that has due drafts. Return how many accounts."""
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
    with context.uow.begin(account_id, at=Commit.FLUSH) as tx:
        due = tx.session.scalars(_LOCK_DUE, {"account": account_id, "limit": BATCH_LIMIT}).all()
        if not due:
            return 0
        written = write_drafts(tx, context, due)
        _tally(tx, account_id, written)
    return len(written)


def _is_due(tx: Transaction, session_id: UUID) -> bool:
    query = select(NoteDraftRow.session_id).where(
        NoteDraftRow.session_id == session_id, NoteDraftRow.due_at <= func.clock_timestamp()
    )
    return tx.session.scalars(query).one_or_none() is not None


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

_LOCK_DUE = (
    text("""
    SELECT id FROM l1_walk_session WHERE id IN (
        SELECT session_id FROM note_draft
        WHERE first_dirty_at IS NOT NULL AND due_at <= clock_timestamp() AND account_id = :account
        ORDER BY first_dirty_at LIMIT :limit
    ) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
""")
    .bindparams(_ACCOUNT)
    .columns(id=Uuid)
)

_TALLY = text("""
    INSERT INTO note_tally (account_id, late_within_ms, writes, saves, late_seconds)
    VALUES (:account, :bound, :writes, :saves, :seconds)
    ON CONFLICT (account_id, late_within_ms) DO UPDATE SET
        writes = note_tally.writes + excluded.writes,
        saves = note_tally.saves + excluded.saves,
        late_seconds = note_tally.late_seconds + excluded.late_seconds
""").bindparams(_ACCOUNT)
