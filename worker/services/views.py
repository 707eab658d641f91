"""Read models of one row: what the command line and the operator see. Nothing here changes anything."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from worker.db.models import (
    AuditRow,
    CommandRow,
    DeliveryRow,
    NoteDraftRow,
    OutboxRow,
    SessionRow,
    StepRow,
    TicketRow,
    UserRow,
)
from worker.db.unit_of_work import Transaction
from worker.domain.words import CommandState, Outcome, SessionStatus
from worker.services.routing import unknown
from worker.services.walks.report import walked_path

#: What a command waits for that nothing holds: another worker is about to apply it.
ITS_TURN = "its turn in the ticket"


def walk(tx: Transaction, session_id: UUID) -> dict[str, Any]:
    """Return one walk whole: path, notes, outcome, and what the PSA was told of it."""
    query = (
        select(SessionRow, TicketRow.external_id, UserRow.email)
        .join(TicketRow, TicketRow.id == SessionRow.ticket_id)
        .join(UserRow, UserRow.id == SessionRow.user_id)
        .where(SessionRow.id == session_id)
    )
    found = tx.session.execute(query).one_or_none()
    if found is None:
        raise unknown(SessionRow, session_id)
    session, ticket, email = found
    draft = tx.session.get(NoteDraftRow, session.id)
    return {
        **walk_line(session, ticket, email),
        "acting_as": session.acting_as,
        "flow_id": _text(session.flow_id),
        "flow_proposal_id": _text(session.flow_proposal_id),
        "current_node_id": session.current_node_id,
        "walked_path": walked_path(tx, session.id),
        "withdrawn_steps": _withdrawn(tx, session.id),
        "walk_notes": session.walk_notes,
        "notes_revision": draft.revision if draft else 0,
        "notes_written_revision": draft.written_revision if draft else 0,
        "notes_due_at": _time(draft.due_at) if draft else None,
        "outcome": _outcome(session),
        "pushes": [push_line(row) for row in _pushes(tx, session.id)],
        "audit": [_audit_line(row) for row in _audit(tx, session.id)],
    }


def command(tx: Transaction, command_id: int) -> dict[str, Any]:
    """Return what became of a command: `{"outcome", …}` in the words of the task results."""
    row = tx.session.get(CommandRow, command_id)
    if row is None:
        raise unknown(CommandRow, command_id)
    return {"command_id": row.id, **command_outcome(row)}


def command_outcome(row: CommandRow) -> dict[str, Any]:
    """Return a command's state as a task result."""
    if row.state == CommandState.APPLIED:
        return {"outcome": Outcome.APPLIED.value, **(row.result or {})}
    if row.state == CommandState.REFUSED:
        return {"outcome": Outcome.REFUSED.value, "reason": row.reason, **(row.result or {})}
    if row.state == CommandState.PARKED:
        return {"outcome": Outcome.PARKED.value, "reason": row.reason}
    waiting = "an earlier sequence number" if row.waits_for_sequence else row.reason
    return {"outcome": Outcome.WAITING.value, "reason": waiting or ITS_TURN}


def command_line(tx: Transaction, command_id: int) -> dict[str, Any]:
    """Return one command's line, with its key and its delivery. Refuses one that is not there."""
    query = (
        select(CommandRow, TicketRow.external_id)
        .join(TicketRow, TicketRow.id == CommandRow.ticket_id)
        .where(CommandRow.id == command_id)
    )
    found = tx.session.execute(query).one_or_none()
    if found is None:
        raise unknown(CommandRow, command_id)
    row, ticket = found
    return {**line_of_command(row, ticket), "key": row.key, "delivery_id": row.delivery_id}


def delivery(tx: Transaction, delivery_id: int, *, with_body: bool) -> dict[str, Any]:
    """Return one delivery and the ids of the commands it led to. Refuses one that is not there."""
    row = tx.session.get(DeliveryRow, delivery_id)
    if row is None:
        raise unknown(DeliveryRow, delivery_id)
    query = select(CommandRow.id).where(CommandRow.delivery_id == row.id).order_by(CommandRow.id)
    record = {
        **delivery_line(row),
        "connection_id": str(row.connection_id),
        "dedupe_key": row.dedupe_key,
        "interpreted_at": _time(row.interpreted_at),
        "commands": list(tx.session.scalars(query)),
    }
    return {**record, "body": row.body.decode(errors="replace")} if with_body else record


def walk_line(session: SessionRow, ticket: str, email: str) -> dict[str, Any]:
    return {
        "id": str(session.id),
        "ticket_id": ticket,
        "ticket_kind": session.ticket_kind,
        "user": email,
        "kind": session.kind,
        "status": session.status,
        "steps": session.step_count,
        "started_at": _time(session.started_at),
        "last_step_at": _time(session.last_step_at),
    }


def line_of_command(row: CommandRow, ticket: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "type": row.type,
        "ticket": ticket,
        "state": row.state,
        "reason": row.reason,
        "attempts": row.attempts,
        "received_at": _time(row.received_at),
        "settled_at": _time(row.settled_at),
    }


def delivery_line(row: DeliveryRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "event": row.event_kind,
        "ticket": row.external_ticket_id,
        "state": row.state,
        "reason": row.reason,
        "attempts": row.attempts,
        "received_at": _time(row.received_at),
        "parked_at": _time(row.parked_at),
    }


def _outcome(session: SessionRow) -> dict[str, Any] | None:
    if session.status == SessionStatus.ACTIVE:
        return None
    fields = {
        "status": session.status,
        "resolved_at": _time(session.resolved_at),
        "helpful": session.helpful,
        "resolution_notes": session.resolution_notes,
        "escalated_at": _time(session.escalated_at),
        "escalation_reason": session.escalation_reason,
        "escalation_category": session.escalation_category,
        "abandoned_at": _time(session.abandoned_at),
    }
    return {name: value for name, value in fields.items() if value is not None}


def push_line(row: OutboxRow) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "part": row.part,
        "purpose": row.purpose,
        "state": row.state,
        "reason": row.reason,
        "attempts": row.attempts,
        "marker": row.marker,
        "external_id": row.external_id,
        "sent_at": _time(row.sent_at),
        "parked_at": _time(row.parked_at),
    }


def _audit_line(row: AuditRow) -> dict[str, Any]:
    return {
        "action": row.action,
        "detail": row.detail,
        "actor_user_id": _text(row.actor_user_id),
        "acting_as": row.acting_as,
        "at": _time(row.at),
    }


def _withdrawn(tx: Transaction, session_id: UUID) -> list[dict[str, Any]]:
    query = select(StepRow).where(StepRow.session_id == session_id, StepRow.withdrawn_at.is_not(None))
    return [
        {
            "position": row.position,
            "node_id": row.node_id,
            "answer": row.answer,
            "withdrawn_at": _time(row.withdrawn_at),
        }
        for row in tx.session.scalars(query.order_by(StepRow.position))
    ]


def _pushes(tx: Transaction, session_id: UUID) -> Sequence[OutboxRow]:
    return tx.session.scalars(
        select(OutboxRow).where(OutboxRow.session_id == session_id).order_by(OutboxRow.id)
    ).all()


def _audit(tx: Transaction, session_id: UUID) -> Sequence[AuditRow]:
    return tx.session.scalars(
        select(AuditRow).where(AuditRow.session_id == session_id).order_by(AuditRow.id)
    ).all()


def _text(value: object | None) -> str | None:
    return None if value is None else str(value)


def _time(value: Any) -> str | None:
    return None if value is None else value.isoformat()
