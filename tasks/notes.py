"""Save notes into a session's draft, and write due drafts to their walks."""

from typing import Any

from tasks.context import account, task_context
from worker.base_task import WalkTask
from worker.celery import app
from worker.domain.words import CommandType
from worker.services.carrying import carry_out
from worker.services.notes.flushing import flush_by_name, flush_due


@app.task(name="notes.save", bind=True)
def save(self: WalkTask, **arguments: Any) -> dict[str, Any]:
    """Save notes: session (or connection and ticket), notes, revision."""
    return carry_out(task_context(), CommandType.SAVE_NOTES, self.request.id, arguments)


@app.task(name="notes.add_from_ticket", bind=True)
def add_from_ticket(self: WalkTask, **arguments: Any) -> dict[str, Any]:
    """Put notes typed in the PSA ticket into the walk. The interpretation of a delivery files these."""
    return carry_out(task_context(), CommandType.ADD_TICKET_NOTES, self.request.id, arguments)


@app.task(name="notes.flush")
def flush(
    session: str | None = None, account_id: str | None = None, only_due: bool = False
) -> dict[str, Any]:
    """Write a session's draft to its walk, now or once its pause is over; or what is due of an account."""
    if session is not None:
        return flush_by_name(task_context(), session, account_id=account(account_id), only_due=only_due)
    return flush_due(task_context(), account_id=account(account_id))
