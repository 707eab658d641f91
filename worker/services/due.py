"""Hint at connections whose turn it is to be looked after: one entry of the beat, a hint for each of them."""

from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import InstrumentedAttribute

from worker.db.models import ConnectionStateRow
from worker.services.context import Context

#: Connections hinted per run; the rest comes with the next run.
RUN_LIMIT = 1_000


def hint_due(context: Context, task: str, due_at: InstrumentedAttribute[datetime]) -> int:
    """Hint at each connection that is due and not paused. Return how many."""
    with context.uow.across() as tx:
        due = (
            select(ConnectionStateRow.connection_id, ConnectionStateRow.account_id)
            .where(
                due_at <= tx.now,
                or_(ConnectionStateRow.paused_until.is_(None), ConnectionStateRow.paused_until <= tx.now),
            )
            .order_by(due_at)
            .limit(RUN_LIMIT)
        )
        found = tx.session.execute(due).all()
        for connection_id, account_id in found:
            tx.hint(
                task,
                repeats=True,
                connection=str(connection_id),
                account_id=str(account_id),
                only_due=True,
            )
    return len(found)
