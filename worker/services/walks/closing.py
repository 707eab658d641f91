"""End a walk: resolve, escalate or abandon it; audit it; put its summary in the outbox. One transaction."""

from typing import Any
from uuid import UUID

from worker.db.models import AuditRow, CommandRow, FlowProposalRow, SessionRow, UserRow
from worker.domain.requests import Abandon, Escalate, Resolve
from worker.domain.walk import ensure_active
from worker.domain.words import ActingAs, SessionKind, SessionStatus, TicketKind, TicketStatus
from worker.services.walks import announcing, notes
from worker.services.walks.scene import Effect, Scene, walk_of


def resolve(scene: Scene, command: CommandRow, request: Resolve) -> Effect:
    """Close a walk as resolved; a helpful proposal walk validates its proposal."""
    session = scene.session_of(command)
    ensure_active(walk_of(session))
    user, acting = scene.actor(request.user, session)
    notes.close(scene, session)
    session.status = SessionStatus.RESOLVED.value
    session.resolved_at = scene.tx.now
    session.helpful = request.helpful
    session.resolution_notes = request.resolution_notes
    if request.helpful and session.kind == SessionKind.PROPOSAL:
        proposal = scene.tx.session.get_one(FlowProposalRow, session.flow_proposal_id)
        proposal.validated_by_outcome = True
        proposal.validated_at = scene.tx.now
    _end_internal_ticket(scene, TicketStatus.CLOSED)
    _audit(scene, session, user, acting, {"helpful": request.helpful})
    announcing.announce(scene, session)
    return _closed(session)


def escalate(scene: Scene, command: CommandRow, request: Escalate) -> Effect:
    """Close a walk as escalated: the ticket gets a hand-off."""
    session = scene.session_of(command)
    ensure_active(walk_of(session))
    return escalate_session(scene, session, request)


def escalate_session(scene: Scene, session: SessionRow, request: Escalate) -> Effect:
    """Escalate an active session."""
    user, acting = scene.actor(request.user, session)
    notes.close(scene, session)
    session.status = SessionStatus.ESCALATED.value
    session.escalated_at = scene.tx.now
    session.escalation_reason = request.escalation_reason
    session.escalation_category = request.escalation_category
    _end_internal_ticket(scene, TicketStatus.ESCALATED)
    _audit(scene, session, user, acting, {"category": request.escalation_category})
    announcing.announce(scene, session)
    return _closed(session)


def abandon(scene: Scene, command: CommandRow, request: Abandon) -> Effect:
    """Close a walk that nobody goes on with. Its summary says so."""
    session = scene.session_of(command)
    ensure_active(walk_of(session))
    # a draft that is not written yet is a touch too
    notes.flush(scene, session)
    touched_at = session.last_step_at or session.started_at
    if request.untouched_since is not None and touched_at > request.untouched_since:
        return Effect({"session_id": str(session.id), "detail": "touched again; left alone"})
    notes.close(scene, session)
    session.status = SessionStatus.ABANDONED.value
    session.abandoned_at = scene.tx.now
    _audit(scene, session, None, None, {"reason": request.reason})
    announcing.announce(scene, session, abandoned_because=request.reason)
    return _closed(session)


def _end_internal_ticket(scene: Scene, status: TicketStatus) -> None:
    """A PSA ticket's status is the PSA's; an internal ticket has only ours."""
    if scene.ticket.kind == TicketKind.INTERNAL:
        scene.ticket.status = status.value


def _audit(
    scene: Scene, session: SessionRow, user: UserRow | None, acting: ActingAs | None, detail: dict[str, Any]
) -> None:
    scene.tx.session.add(
        AuditRow(
            account_id=session.account_id,
            session_id=session.id,
            actor_user_id=_id(user),
            acting_as=acting,
            action=f"session.{session.status}",
            detail={key: value for key, value in detail.items() if value is not None},
            at=scene.tx.now,
        )
    )


def _id(user: UserRow | None) -> UUID | None:
    return user.id if user else None


def _closed(session: SessionRow) -> Effect:
    return Effect({"session_id": str(session.id), "status": session.status})
