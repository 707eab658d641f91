"""Write due note drafts to their walks: one use case, hinted by the sweep, safe at any time."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from worker.crash_points import Commit
from worker.db.models import NoteDraftRow, SessionRow, TicketRow
from worker.domain.words import Outcome
from worker.errors import Refusal
from worker.services import routing
from worker.services.context import Context
from worker.services.walks import notes


@dataclass(frozen=True, slots=True)
class Flushed:
    """What a flush did. `revision` is None where nothing was unwritten."""

    session_id: UUID
    revision: int | None


def flush_session(
    context: Context, *, session_id: UUID, account_id: UUID | None = None, only_due: bool = False
) -> Flushed:
    """Write a session's draft to its walk now, or only if its pause is over (a hint that came early).

    Without an account the session's own is found out; with one, a session of another is refused.
    """
    account_id = account_id or routing.account_of(context, SessionRow, session_id)
    with context.uow.begin(account_id, at=Commit.FLUSH) as tx:
        ticket_id = tx.session.scalars(
            select(SessionRow.ticket_id).where(SessionRow.id == session_id)
        ).one_or_none()
        if ticket_id is None:
            raise routing.unknown(SessionRow, session_id)
        # as a turn on the ticket does: without it a turn that has written the walk and now wants the draft,
        # and a flush that has the draft and now wants the walk, would wait for each other
        tx.session.execute(select(TicketRow.id).where(TicketRow.id == ticket_id).with_for_update())
        if (
            only_due
            and not tx.session.scalars(
                select(NoteDraftRow.session_id).where(
                    NoteDraftRow.session_id == session_id, NoteDraftRow.due_at <= tx.now
                )
            ).one_or_none()
        ):
            return Flushed(session_id, None)
        return Flushed(session_id, notes.flush(tx, tx.session.get_one(SessionRow, session_id)))


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
