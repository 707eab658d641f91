"""Start and end walks. By hand: the business arguments and a `key`; from the pipeline: a command id."""

from typing import Any

from tasks.context import task_context
from worker.base_task import WalkTask
from worker.celery import app
from worker.domain.words import CommandType
from worker.services.carrying import carry_out
from worker.services.idle import abandon_idle as abandon_idle_walks


@app.task(name="session.start_flow", bind=True)
def start_flow(self: WalkTask, **arguments: Any) -> dict[str, Any]:
    """Start a walk through a flow: connection, ticket, user, flow."""
    return carry_out(task_context(), CommandType.START_FLOW, self.request.id, arguments)


@app.task(name="session.start_proposal", bind=True)
def start_proposal(self: WalkTask, **arguments: Any) -> dict[str, Any]:
    """Start a walk through an AI-built proposal: connection, ticket, user, flow_proposal_id."""
    return carry_out(task_context(), CommandType.START_PROPOSAL, self.request.id, arguments)


@app.task(name="session.start_adhoc", bind=True)
def start_adhoc(self: WalkTask, **arguments: Any) -> dict[str, Any]:
    """Start a walk without a tree: connection, ticket, user."""
    return carry_out(task_context(), CommandType.START_ADHOC, self.request.id, arguments)


@app.task(name="session.resolve", bind=True)
def resolve(self: WalkTask, **arguments: Any) -> dict[str, Any]:
    """Resolve a walk: session (or connection and ticket), helpful, resolution_notes."""
    return carry_out(task_context(), CommandType.RESOLVE, self.request.id, arguments)


@app.task(name="session.escalate", bind=True)
def escalate(self: WalkTask, **arguments: Any) -> dict[str, Any]:
    """Escalate a walk: session (or connection and ticket), escalation_reason, escalation_category."""
    return carry_out(task_context(), CommandType.ESCALATE, self.request.id, arguments)


@app.task(name="session.escalate_without_walk", bind=True)
def escalate_without_walk(self: WalkTask, **arguments: Any) -> dict[str, Any]:
    """Escalate a ticket that nobody walked: connection, ticket, user, escalation_reason."""
    return carry_out(task_context(), CommandType.ESCALATE_WITHOUT_WALK, self.request.id, arguments)


@app.task(name="session.abandon", bind=True)
def abandon(self: WalkTask, **arguments: Any) -> dict[str, Any]:
    """Abandon a walk: session, reason. The service files these; see session.abandon_idle."""
    return carry_out(task_context(), CommandType.ABANDON, self.request.id, arguments)


@app.task(name="session.abandon_idle")
def abandon_idle() -> dict[str, Any]:
    """Abandon every walk that nobody touched for 24 hours."""
    return {"outcome": "applied", "abandoned": abandon_idle_walks(task_context())}
