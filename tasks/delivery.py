"""Interpret what was delivered."""

from dataclasses import asdict
from typing import Any

from tasks.context import account, row_id, task_context
from worker.celery import app
from worker.services.interpretation.interpret import interpret as interpret_lane


@app.task(name="delivery.interpret")
def interpret(
    delivery_id: int,
    account_id: str | None = None,
    ticket: str | None = None,  # noqa: ARG001 - for Flower to show
) -> dict[str, Any]:
    """Interpret a delivery and all that waits in its lane."""
    done = interpret_lane(
        task_context(), account_id=account(account_id), delivery_id=row_id("delivery_id", delivery_id)
    )
    return {"outcome": "applied", **asdict(done)}
