"""Start a walk: by an authored flow, by a proposal, or ad hoc."""

from uuid import UUID, uuid4

from worker.db.models import CommandRow, FlowProposalRow, NoteDraftRow, SessionRow
from worker.domain.requests import EscalateWithoutWalk, StartAdhoc, StartFlow, StartProposal, StartRequest
from worker.domain.words import Outcome, SessionKind, TicketKind, TicketStatus
from worker.errors import Refusal
from worker.services import lookup
from worker.services.walks.closing import escalate_session
from worker.services.walks.scene import Effect, Scene


def start_flow(scene: Scene, command: CommandRow, request: StartFlow) -> Effect:
    """Start a walk through the newest version of a flow; the version is pinned."""
    flow, version = lookup.newest_flow_version(scene.tx, request.flow, account_id=scene.ticket.account_id)
    return _start(scene, command, request, SessionKind.FLOW, flow_id=flow.id, flow_version_id=version.id)


def start_proposal(scene: Scene, command: CommandRow, request: StartProposal) -> Effect:
    """Start a walk through an AI-built proposal."""
    proposal = scene.tx.session.get(FlowProposalRow, request.flow_proposal_id)
    if proposal is None or proposal.account_id != scene.ticket.account_id:
        raise Refusal("unknown_proposal", f"the account has no flow proposal {request.flow_proposal_id}")
    return _start(scene, command, request, SessionKind.PROPOSAL, flow_proposal_id=proposal.id)


def start_adhoc(scene: Scene, command: CommandRow, request: StartAdhoc) -> Effect:
    """Start a walk without a tree: notes only."""
    return _start(scene, command, request, SessionKind.ADHOC)


def escalate_without_walk(scene: Scene, command: CommandRow, request: EscalateWithoutWalk) -> Effect:
    """Make an ad-hoc session that is escalated at once."""
    started = _start(scene, command, request, SessionKind.ADHOC)
    if started.outcome is not Outcome.APPLIED:
        return started
    session = scene.active()
    assert session is not None  # just started
    return escalate_session(scene, session, request)


def _start(
    scene: Scene,
    command: CommandRow,
    request: StartRequest,
    kind: SessionKind,
    *,
    flow_id: UUID | None = None,
    flow_version_id: UUID | None = None,
    flow_proposal_id: UUID | None = None,
) -> Effect:
    user, acting = scene.actor(request.user)
    standing = scene.active()
    if standing is not None:
        return Effect(
            {"session_id": str(standing.id), "detail": f"already active: {standing.id}"}, Outcome.DUPLICATE
        )
    session = SessionRow(
        id=uuid4(),
        account_id=scene.ticket.account_id,
        ticket_id=scene.ticket.id,
        ticket_kind=scene.ticket.kind,
        user_id=user.id,
        acting_as=acting,
        kind=kind.value,
        flow_id=flow_id,
        flow_version_id=flow_version_id,
        flow_proposal_id=flow_proposal_id,
        status="active",
        step_count=0,
        last_sequence=command.sequence or 0,
        walk_notes=[],
        started_at=scene.tx.now,
    )
    if scene.ticket.kind == TicketKind.INTERNAL:
        scene.ticket.status = TicketStatus.OPEN.value
    scene.tx.session.add(session)
    scene.tx.session.flush()  # the draft refers to it
    scene.tx.session.add(NoteDraftRow(session_id=session.id, account_id=session.account_id))
    scene.began(session)
    return Effect({"session_id": str(session.id), "kind": kind.value})
