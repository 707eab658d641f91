"""Record a step, or take the newest one back."""

from typing import NoReturn

from sqlalchemy import select

from worker.db.models import CommandRow, SessionRow, StepRow
from worker.domain.requests import RecordStep, WithdrawStep
from worker.domain.walk import ensure_takes_steps
from worker.errors import Refusal
from worker.services.walks.scene import Effect, Scene, walk_of
from worker.services.walks.trees import tree_of


def record_step(scene: Scene, command: CommandRow, request: RecordStep) -> Effect:
    """Append one step; node and answer must be the tree's."""
    session = scene.session_of(command)
    ensure_takes_steps(walk_of(session))
    scene.actor(request.user, session)
    tree = tree_of(scene, session)
    assert tree is not None  # only ad-hoc walks have none, and they take no steps
    answer = tree.check_step(request.node_id, request.answer)
    session.step_count += 1
    scene.tx.session.add(
        StepRow(
            account_id=session.account_id,
            session_id=session.id,
            position=session.step_count,
            node_id=request.node_id,
            question=request.question or tree.nodes[request.node_id].question,
            answer=answer,
            l1_note=request.note,
            recorded_at=scene.tx.now,
        )
    )
    session.current_node_id = request.node_id
    session.last_step_at = scene.tx.now
    return Effect(
        {
            "session_id": str(session.id),
            "step": session.step_count,
            "next_node_id": tree.next_node(request.node_id, answer),
        }
    )


def withdraw_step(scene: Scene, command: CommandRow, request: WithdrawStep) -> Effect:
    """Take the newest standing step back: the summary leaves it out, the audit view shows it."""
    session = scene.session_of(command)
    ensure_takes_steps(walk_of(session))
    scene.actor(request.user, session)
    standing = (
        select(StepRow)
        .where(StepRow.session_id == session.id, StepRow.withdrawn_at.is_(None))
        .order_by(StepRow.position.desc())
    )
    newest, *before = scene.tx.session.scalars(standing.limit(2)).all() or _no_step(session)
    newest.withdrawn_at = scene.tx.now
    session.current_node_id = before[0].node_id if before else None
    session.last_step_at = scene.tx.now
    return Effect({"session_id": str(session.id), "step": newest.position})


def _no_step(session: SessionRow) -> NoReturn:
    raise Refusal("no_step", f"walk {session.id} has no step to take back")
