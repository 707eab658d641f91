"""Liveness as it matters: how long ago a worker drained a message that came through the real queue.

A process that answers `inspect ping` may still be deaf to its queue: the two are different connections.
"""

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from worker.db.models import CanaryRow
from worker.domain.queues import QUEUES
from worker.errors import Refusal
from worker.services.context import Context


def drained(context: Context, queue: str) -> None:
    """Note that a canary came through this queue."""
    if queue not in QUEUES:
        raise Refusal("invalid", f"there is no such queue; known are {', '.join(QUEUES)}")
    with context.uow.across() as tx:
        statement = insert(CanaryRow).values(queue=queue, drained_at=func.now())
        tx.session.execute(
            statement.on_conflict_do_update(
                index_elements=[CanaryRow.queue], set_={"drained_at": statement.excluded.drained_at}
            )
        )


def ages(context: Context) -> dict[str, float]:
    """Return for each queue the age of its newest canary, in seconds."""
    with context.uow.across() as tx:
        age = func.extract("epoch", func.now() - CanaryRow.drained_at)
        return {queue: float(seconds) for queue, seconds in tx.session.execute(select(CanaryRow.queue, age))}
