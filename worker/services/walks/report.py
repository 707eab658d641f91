"""Read a walk back: its path, and the report that its summary is made of."""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from worker.db.models import FlowProposalRow, FlowRow, FlowVersionRow, SessionRow, StepRow, UserRow
from worker.db.unit_of_work import Transaction
from worker.domain.flow import FlowTree
from worker.domain.summary import StepLine, WalkReport
from worker.domain.words import ActingAs, SessionKind, SessionStatus
from worker.services.walks.scene import Scene
from worker.services.walks.trees import tree_of


def walked_path(tx: Transaction, session_id: UUID) -> list[dict[str, Any]]:
    """Return the steps that stand, in order: `{node_id, question, answer, l1_note}`."""
    return [
        {"node_id": row.node_id, "question": row.question, "answer": row.answer, "l1_note": row.l1_note}
        for row in _standing_steps(tx, session_id)
    ]


def report_of(
    scene: Scene, session: SessionRow, user: UserRow, *, abandoned_because: str | None
) -> WalkReport:
    """Return all that the summary says of a closed walk."""
    steps = _standing_steps(scene.tx, session.id)
    ticket = scene.ticket
    return WalkReport(
        ticket=f"{ticket.external_id} - {ticket.summary}" if ticket.summary else ticket.external_id,
        technician=user.email,
        acting_as=ActingAs(session.acting_as) if session.acting_as else None,
        kind=SessionKind(session.kind),
        status=SessionStatus(session.status),
        started_at=session.started_at,
        closed_at=scene.tx.now,
        guide=_guide(scene.tx, session),
        steps=[StepLine(row.question, row.answer, row.l1_note) for row in steps],
        notes=session.walk_notes,
        helpful=session.helpful,
        resolution_notes=session.resolution_notes,
        escalation_reason=session.escalation_reason,
        escalation_category=session.escalation_category,
        abandoned_because=abandoned_because,
        open_question=_open_question(tree_of(scene, session), steps),
    )


def _standing_steps(tx: Transaction, session_id: UUID) -> list[StepRow]:
    query = select(StepRow).where(StepRow.session_id == session_id, StepRow.withdrawn_at.is_(None))
    return list(tx.session.scalars(query.order_by(StepRow.position)))


def _guide(tx: Transaction, session: SessionRow) -> str | None:
    if session.flow_version_id is not None:
        flow = tx.session.get_one(FlowRow, session.flow_id)
        version = tx.session.get_one(FlowVersionRow, session.flow_version_id)
        return f"{flow.name} (version {version.version})"
    if session.flow_proposal_id is not None:
        return f"{tx.session.get_one(FlowProposalRow, session.flow_proposal_id).title} (AI-built proposal)"
    return None


def _open_question(tree: FlowTree | None, steps: list[StepRow]) -> str | None:
    """Return the question the flow would have asked next."""
    if tree is None:
        return None
    last = steps[-1] if steps else None
    next_id = tree.next_node(last.node_id if last else None, last.answer if last else None)
    return tree.nodes[next_id].question if next_id else None
