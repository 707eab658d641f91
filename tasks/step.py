"""Record a step of a walk, or take the newest one back."""

from typing import Any

from tasks.context import task_context
from worker.base_task import WalkTask
from worker.celery import app
from worker.domain.words import CommandType
from worker.services.carrying import carry_out


@app.task(name="step.record", bind=True)
def record(self: WalkTask, **arguments: Any) -> dict[str, Any]:
    """Record a step: session (or connection and ticket), node_id, answer, question, note, sequence."""
    return carry_out(task_context(), CommandType.RECORD_STEP, self.request.id, arguments)


@app.task(name="step.withdraw", bind=True)
def withdraw(self: WalkTask, **arguments: Any) -> dict[str, Any]:
    """Take the newest standing step back: session (or connection and ticket)."""
    return carry_out(task_context(), CommandType.WITHDRAW_STEP, self.request.id, arguments)
