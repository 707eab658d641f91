"""Tell the PSA what the outbox says."""

from dataclasses import asdict
from typing import Any

from tasks.context import account, row_id, task_context
from worker.celery import app
from worker.domain.words import OutboxState, Outcome
from worker.services.push import push as push_entry
from worker.services.reconciling import hint_reconciles
from worker.services.reconciling import reconcile as reconcile_connection
from worker.services.registering import check, hint_checks


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


@app.task(name="psa.reconcile")
def reconcile(
    connection: str | None = None, account_id: str | None = None, only_due: bool = False
) -> dict[str, Any]:
    """File what changed in a connection's PSA without a webhook; without one, hint at all that are due."""
    if connection is None:
        return {"outcome": Outcome.APPLIED.value, "hinted": hint_reconciles(task_context())}
    done = reconcile_connection(
        task_context(), connection=connection, account_id=account(account_id), only_due=only_due
    )
    return {**asdict(done), "outcome": done.outcome.value}


@app.task(name="psa.check_registration")
def check_registration(
    connection: str | None = None, account_id: str | None = None, only_due: bool = False
) -> dict[str, Any]:
    """Look whether a connection's webhook stands, and arm it again; without one, hint at all that are due."""
    if connection is None:
        return {"outcome": Outcome.APPLIED.value, "hinted": hint_checks(task_context())}
    done = check(task_context(), connection=connection, account_id=account(account_id), only_due=only_due)
    return {"outcome": done.value}
