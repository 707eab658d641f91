"""Tell the PSA what the outbox says."""

from typing import Any

from tasks.context import account, row_id, task_context
from worker.celery import app
from worker.domain.words import OutboxState, Outcome
from worker.services.push import push as push_entry


@app.task(name="psa.push")
def push(
    outbox_id: int,
    account_id: str | None = None,
    ticket: str | None = None,  # noqa: ARG001 - for Flower to show
    session: str | None = None,  # noqa: ARG001 - for Flower to show
) -> dict[str, Any]:
    """Send an outbox entry, or find out whether it was sent."""
    done = push_entry(
        task_context(), account_id=account(account_id), outbox_id=row_id("outbox_id", outbox_id)
    )
    outcomes = {OutboxState.SENT: Outcome.APPLIED, OutboxState.PARKED: Outcome.PARKED}
    outcome = outcomes.get(done.state, Outcome.WAITING)
    return {"outcome": outcome.value, "outbox_id": done.outbox_id, "state": done.state.value}
