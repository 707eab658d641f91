"""Abandon walks that nobody touched for a day: file the command, and let the lane decide in order."""

from sqlalchemy import func, select

from worker.db.models import SessionRow
from worker.domain.requests import Abandon
from worker.domain.walk import IDLE_AFTER
from worker.domain.words import CommandType, SessionStatus
from worker.services.context import Context
from worker.services.filing import NewCommand, file_request

#: Walks abandoned per run; the rest comes with the next run.
RUN_LIMIT = 500


def abandon_idle(context: Context) -> int:
    """File an abandon for each idle walk, keyed by its last touch. Return how many were filed."""
    touched_at = func.coalesce(SessionRow.last_step_at, SessionRow.started_at)
    with context.uow.across() as tx:
        query = select(SessionRow.account_id, SessionRow.id, touched_at).where(
            SessionRow.status == SessionStatus.ACTIVE, touched_at <= tx.now - IDLE_AFTER
        )
        idle = tx.session.execute(query.order_by(touched_at).limit(RUN_LIMIT)).all()
    filed = [
        file_request(
            context,
            NewCommand(
                key=f"idle:{session_id}:{at.isoformat()}",
                type=CommandType.ABANDON,
                request=Abandon(session=session_id, reason="untouched for 24 hours", untouched_since=at),
            ),
            account_id=account_id,
        )
        for account_id, session_id, at in idle
    ]
    return sum(not entry.repeated for entry in filed)
