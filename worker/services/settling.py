"""The second half of a turn: give each claimed command its effect or its refusal, in one transaction."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import or_, select

from worker.crash_points import Commit
from worker.db.models import CommandRow, TicketRow
from worker.db.unit_of_work import Transaction
from worker.domain.lane import SEQUENCE_WAIT, TURN_LIMIT, InSequence, place_in_sequence
from worker.domain.requests import REQUESTS
from worker.domain.words import CommandState, CommandType
from worker.errors import Refusal
from worker.services import gaps
from worker.services.context import Context
from worker.services.filing import Lane
from worker.services.walks import closing, notes, starting, steps
from worker.services.walks.scene import Effect, Scene

log = structlog.get_logger()

_EFFECTS: Mapping[CommandType, Callable[[Scene, CommandRow, Any], Effect]] = {
    CommandType.START_FLOW: starting.start_flow,
    CommandType.START_PROPOSAL: starting.start_proposal,
    CommandType.START_ADHOC: starting.start_adhoc,
    CommandType.RECORD_STEP: steps.record_step,
    CommandType.WITHDRAW_STEP: steps.withdraw_step,
    CommandType.SAVE_NOTES: notes.save_notes,
    CommandType.ADD_TICKET_NOTES: notes.add_ticket_notes,
    CommandType.RESOLVE: closing.resolve,
    CommandType.ESCALATE: closing.escalate,
    CommandType.ESCALATE_WITHOUT_WALK: starting.escalate_without_walk,
    CommandType.ABANDON: closing.abandon,
}

_STARTS = {
    CommandType.START_FLOW,
    CommandType.START_PROPOSAL,
    CommandType.START_ADHOC,
    CommandType.ESCALATE_WITHOUT_WALK,
}


def settle_turn(
    context: Context, lane: Lane, claimed: Sequence[int], *, limit: int = TURN_LIMIT, tried: list[int]
) -> int:
    """Settle the claimed commands that are still pending. Return how many changed their state.

    `tried` gets the ids of all that were in hand, also where the turn fails.

    What waited for the number of one of them settles with it, up to the limit in all: where the worker of
    these died or failed before, what waits is claimed by itself, so that nobody answers for another.

    The row lock on the ticket closes the race of two workers that claimed the same commands: the second
    one finds them settled.
    """
    with context.uow.begin(lane.account_id, at=Commit.LANE_TURN) as tx:
        ticket = tx.session.scalars(
            select(TicketRow).where(TicketRow.id == lane.ticket_id).with_for_update()
        ).one()
        scene = Scene(context, tx, ticket)
        queue = deque(_still_pending(tx, claimed))
        settled = 0
        while queue:
            command = queue.popleft()
            if command.state != CommandState.PENDING:
                continue  # claimed as overdue, and settled already when the number before it was
            tried.append(command.id)
            place = _place(scene, command)
            if place is InSequence.TOO_EARLY:
                _wait_for_gap(scene, command)
                continue
            _settle(scene, command, place)
            settled += 1
            if command.sequence is None and CommandType(command.type) not in _STARTS:
                continue
            released = list(_next_in_sequence(scene, command))
            if settled < limit:
                queue.extendleft(released)
            elif released:
                _leave_to_next_turn(scene, released, untried=queue)
                break
    return settled


def _still_pending(tx: Transaction, claimed: Sequence[int]) -> list[CommandRow]:
    query = select(CommandRow).where(CommandRow.id.in_(claimed), CommandRow.state == CommandState.PENDING)
    rows = {row.id: row for row in tx.session.scalars(query)}
    return [rows[command_id] for command_id in claimed if command_id in rows]


def _settle(scene: Scene, command: CommandRow, place: InSequence) -> None:
    """Apply one command or refuse it. Rules refuse before they change anything."""
    try:
        if place is InSequence.LATE:
            _ensure_number_is_free(scene, command)
        effect = _apply(scene, command)
    except Refusal as refusal:
        command.state = CommandState.REFUSED.value
        command.reason = refusal.sentence
        command.result = {"code": refusal.code, **refusal.details}
        _use_number(scene, command)
    else:
        command.state = CommandState.APPLIED.value
        command.result = {"outcome": effect.outcome.value, **effect.result}
    command.waits_for_sequence = False
    command.settled_at = scene.tx.now
    if place is not InSequence.NEXT:
        log.warning("command settled out of sequence", command_id=command.id, sequence=command.sequence)


def _apply(scene: Scene, command: CommandRow) -> Effect:
    command_type = CommandType(command.type)
    model = REQUESTS[command_type]
    address = {"ticket": scene.ticket.external_id, "sequence": command.sequence}
    effect = _EFFECTS[command_type](scene, command, model.model_validate({**command.payload, **address}))
    _use_number(scene, command)
    return effect


def _use_number(scene: Scene, command: CommandRow) -> None:
    """Count the walk's sequence on. A refused command has had its turn too: nobody waits for its number."""
    session = scene.walk_of_sequence(command)
    if command.sequence is None or session is None:
        return
    if CommandType(command.type) in _STARTS and command.sequence > session.last_sequence + 1:
        return  # a second start, numbered ahead of commands that are still to come
    session.last_sequence = max(session.last_sequence, command.sequence)


def _place(scene: Scene, command: CommandRow) -> InSequence:
    """Return whether a command's number has come; one without a number comes when it arrives."""
    if command.sequence is None or CommandType(command.type) in _STARTS:
        return InSequence.NEXT
    last_sequence = _last_sequence(scene, command)
    place = place_in_sequence(
        command.sequence,
        last_sequence=last_sequence,
        received_at=command.received_at,
        now=scene.tx.now,
    )
    if place is InSequence.OVERDUE and gaps.may_be_filled(scene, command, last_sequence=last_sequence):
        return InSequence.TOO_EARLY
    return place


#: What is missing was accepted and stands behind in the work: looked at again after this.
_LOOK_AGAIN = timedelta(seconds=1)


def _wait_for_gap(scene: Scene, command: CommandRow) -> None:
    """Let a command wait for the numbers before it; others of its ticket go on meanwhile."""
    command.waits_for_sequence = True
    command.attempts = command.failures
    command.next_attempt_at = max(command.received_at + SEQUENCE_WAIT, scene.tx.now + _LOOK_AGAIN)


def _ensure_number_is_free(scene: Scene, command: CommandRow) -> None:
    """Refuse a number that another command of the same walk has used; one that came late is applied."""
    session = scene.session_of(command)
    query = select(CommandRow.id).where(
        CommandRow.ticket_id == scene.ticket.id,
        CommandRow.sequence == command.sequence,
        CommandRow.state == CommandState.APPLIED,
        # not by time: an earlier walk may close in the very transaction in which this one starts
        CommandRow.result["session_id"].astext == str(session.id),
    )
    taken = scene.tx.session.scalars(query.limit(1)).one_or_none()
    if taken is not None:
        raise Refusal("sequence_taken", f"sequence {command.sequence} is taken by command {taken}")


def _last_sequence(scene: Scene, command: CommandRow) -> int | None:
    """Return the newest number of the command's walk; None before the walk has started."""
    session = scene.walk_of_sequence(command)
    return session.last_sequence if session else None


def _leave_to_next_turn(
    scene: Scene, released: Iterable[CommandRow], *, untried: Iterable[CommandRow]
) -> None:
    """A turn is bounded: what waited for this number is due now, not only when its wait is over.

    What was claimed behind it is given back, since it may not go first.
    """
    for command in released:
        command.waits_for_sequence = False
        command.next_attempt_at = scene.tx.now
    for command in untried:
        command.attempts = max(command.attempts - 1, command.failures)
        command.next_attempt_at = scene.tx.now


def _next_in_sequence(scene: Scene, command: CommandRow) -> Iterator[CommandRow]:
    """Yield the waiting command whose number has come. Needs the ticket's lock, as all of the turn does."""
    session = scene.walk_of_sequence(command)
    if session is None:
        return
    query = select(CommandRow).where(
        CommandRow.ticket_id == scene.ticket.id,
        CommandRow.state == CommandState.PENDING,
        CommandRow.waits_for_sequence,
        CommandRow.sequence == session.last_sequence + 1,
        or_(CommandRow.session_id.is_(None), CommandRow.session_id == session.id),
    )
    yield from scene.tx.session.scalars(query.order_by(CommandRow.position).limit(1))
