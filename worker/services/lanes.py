"""Apply what is pending for one ticket, in order: the one locking use case behind every command task.

A turn is two transactions. The first claims: it counts an attempt on each command it is about to apply, so
that a command which kills its worker is found out. The second applies, under the ticket's row lock: effects,
marks and outbox entries commit together or not at all. Run twice or at the same time, a turn finds the
commands settled and does nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import DBAPIError, OperationalError

from worker.crash_points import Commit
from worker.db.models import CommandRow, TicketRow
from worker.db.unit_of_work import Transaction
from worker.domain.lane import (
    CLAIM_LEASE,
    MAX_FAILURES,
    TURN_LIMIT,
    Pending,
    limit_of,
    retry_at,
    spent,
    turn_of,
)
from worker.domain.words import CommandState
from worker.errors import StoreUnavailableError, TransientError
from worker.services.context import Context
from worker.services.filing import Lane
from worker.services.hinting import hint_command
from worker.services.settling import settle_turn

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn did. `more` is true where the lane has commands that are due.

    `claimed` of none: nothing was due, or another worker has it. `failed`: the one command that was tried
    alone.
    """

    settled: int = 0
    more: bool = False
    claimed: int = 0
    failed: bool = False


@dataclass(frozen=True, slots=True)
class _Claim:
    """The commands that this worker has, in order, and how many may settle with what they release."""

    command_ids: Sequence[int]
    limit: int


def drain(context: Context, lane: Lane, *, command_id: int | None = None) -> Turn:
    """Take turns until `command_id` has settled or a full turn is spent; then hint for the rest.

    At most two turns, and where one fails its commands one by one: a busy ticket hands itself on, so that it
    starves nobody.
    """
    turn = take_turn(context, lane)
    if turn.more and command_id is not None and _is_pending(context, lane, command_id):
        turn = take_turn(context, lane)
    if turn.more:
        _hint_again(context, lane)
    return turn


def take_turn(context: Context, lane: Lane, *, limit: int = TURN_LIMIT) -> Turn:
    """Apply the commands at the head of the lane. A failure of one is found by applying them one by one."""
    claim = _claim(context, lane, limit)
    if claim is None:
        return Turn()
    tried: list[int] = []
    try:
        settled = settle_turn(context, lane, claim.command_ids, limit=claim.limit, tried=tried)
    except StoreUnavailableError:
        raise
    except OperationalError as error:
        if _is_the_commands_doing(error):
            return _find_culprit(context, lane, claim, tried, error)
        _give_back(context, lane, claim.command_ids)
        raise TransientError(f"the database did not go through with it ({_plain(error)})") from error
    except Exception as error:  # noqa: BLE001 - whatever one command does, it may not take others with it
        return _find_culprit(context, lane, claim, tried, error)
    taken = len(claim.command_ids)
    return Turn(settled=settled, more=taken >= claim.limit or _has_due(context, lane), claimed=taken)


def _is_the_commands_doing(error: OperationalError) -> bool:
    """Return whether a statement took too long (57014) or grew too large (class 54): its command is at fault.

    The codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    code: str = getattr(error.orig, "sqlstate", None) or ""
    return code == "57014" or code.startswith("54")


def _find_culprit(
    context: Context, lane: Lane, claim: _Claim, tried: Sequence[int], error: Exception
) -> Turn:
    """Apply one by one what failed together; what failed alone is held, and parked in the end."""
    if len(claim.command_ids) == 1 and len(tried) <= 1:
        _hold_or_park(context, lane, claim.command_ids[0], error)
        return Turn(more=True, claimed=1, failed=True)
    _give_back(context, lane, claim.command_ids)
    settled = 0
    for _ in claim.command_ids:
        one = take_turn(context, lane, limit=1)
        settled += one.settled
        if one.failed or not one.claimed:
            break
    return Turn(settled=settled, more=_has_due(context, lane), claimed=len(claim.command_ids))


def _claim(context: Context, lane: Lane, limit: int) -> _Claim | None:
    """Count an attempt on each command of the next turn, and park those that were claimed too often."""
    with context.uow.begin(lane.account_id, at=Commit.LANE_CLAIM) as tx:
        _lock(tx, lane)
        pending = _pending(tx, lane)
        # before it is due again, its last attempt may still be running
        lost = spent(command for command in pending if command.next_attempt_at <= tx.now)
        for command_id in lost:
            _park(tx, command_id, "its worker died every time it was tried")
        left = [command for command in pending if command.command_id not in lost]
        turn = turn_of(left, now=tx.now, limit=limit)
        if not turn:
            return None
        claimed = [command.command_id for command in turn]
        tx.session.execute(
            update(CommandRow)
            .where(CommandRow.id.in_(claimed))
            .values(attempts=CommandRow.attempts + 1, next_attempt_at=tx.now + CLAIM_LEASE)
            .execution_options(synchronize_session=False)
        )
        return _Claim(claimed, limit_of(turn[0], limit))


def _give_back(context: Context, lane: Lane, claimed: Sequence[int]) -> None:
    """End the claim on commands as if it had not been: it was nobody's fault, or nobody knows yet whose."""
    with context.uow.begin(lane.account_id) as tx:
        _lock(tx, lane)
        # a claim that outlived its lease may have been given back by somebody else
        attempts = func.greatest(CommandRow.attempts - 1, CommandRow.failures)
        tx.session.execute(
            update(CommandRow)
            .where(CommandRow.id.in_(claimed), CommandRow.state == CommandState.PENDING)
            .values(next_attempt_at=tx.now, attempts=attempts)
            .execution_options(synchronize_session=False)
        )


def _lock(tx: Transaction, lane: Lane) -> None:
    """Two workers on one ticket take turns; without this they would apply the same commands twice."""
    tx.session.execute(select(TicketRow.id).where(TicketRow.id == lane.ticket_id).with_for_update())


def _pending(tx: Transaction, lane: Lane) -> list[Pending]:
    """Return the head of the lane: what is next in order, after those whose wait for a gap is over.

    Of these also one that a worker has claimed or died with: until its lease is over, none goes by.
    """
    columns = (
        CommandRow.id,
        CommandRow.attempts - CommandRow.failures,
        CommandRow.next_attempt_at,
        CommandRow.failures,
    )
    of_lane = select(*columns).where(
        CommandRow.ticket_id == lane.ticket_id, CommandRow.state == CommandState.PENDING
    )
    is_over = or_(CommandRow.next_attempt_at <= tx.now, CommandRow.attempts > CommandRow.failures)
    overdue = of_lane.where(CommandRow.waits_for_sequence, is_over)
    in_order = of_lane.where(~CommandRow.waits_for_sequence)
    rows = [
        *tx.session.execute(overdue.order_by(CommandRow.sequence, CommandRow.position).limit(TURN_LIMIT)),
        *tx.session.execute(in_order.order_by(CommandRow.position).limit(TURN_LIMIT)),
    ]
    return [Pending(*row) for row in rows[:TURN_LIMIT]]


def _hold_or_park(context: Context, lane: Lane, command_id: int, error: Exception) -> None:
    """Keep a failed command at the head of its lane for a while, or park it; never lose it."""
    reason = _plain(error)
    with context.uow.begin(lane.account_id) as tx:
        _lock(tx, lane)
        command = tx.session.get_one(CommandRow, command_id)
        if command.state != CommandState.PENDING:
            return
        command.reason = reason
        command.failures += 1
        command.waits_for_sequence = False  # its turn had come: from now on it holds its place
        command.next_attempt_at = retry_at(failures=command.failures, now=tx.now)
        if command.failures >= MAX_FAILURES:
            _park(tx, command_id, reason)
    log.warning("command failed", command_id=command_id, reason=reason, failures=command.failures)


def _park(tx: Transaction, command_id: int, reason: str) -> None:
    tx.session.execute(
        update(CommandRow)
        .where(CommandRow.id == command_id)
        .values(state=CommandState.PARKED.value, reason=reason, settled_at=tx.now)
        .execution_options(synchronize_session="fetch")
    )
    log.error("command parked", command_id=command_id, reason=reason)


def _plain(error: Exception) -> str:
    """Return what may be kept and shown of an unexpected error: its kind, never its values."""
    if isinstance(error, DBAPIError):
        return f"database error {type(error.orig).__name__}"
    return f"unexpected {type(error).__name__}"


def _due(lane: Lane, tx: Transaction) -> Sequence[tuple[int, str]]:
    query = select(CommandRow.id, CommandRow.type).where(
        CommandRow.ticket_id == lane.ticket_id,
        CommandRow.state == CommandState.PENDING,
        CommandRow.next_attempt_at <= tx.now,
    )
    return [(row[0], row[1]) for row in tx.session.execute(query.order_by(CommandRow.position).limit(1))]


def _has_due(context: Context, lane: Lane) -> bool:
    with context.uow.begin(lane.account_id) as tx:
        return bool(_due(lane, tx))


def _is_pending(context: Context, lane: Lane, command_id: int) -> bool:
    with context.uow.begin(lane.account_id) as tx:
        return tx.session.get_one(CommandRow, command_id).state == CommandState.PENDING


def _hint_again(context: Context, lane: Lane) -> None:
    with context.uow.begin(lane.account_id) as tx:
        external_id = tx.session.get_one(TicketRow, lane.ticket_id).external_id
        for command_id, command_type in _due(lane, tx):
            hint_command(tx, command_id, command_type, account_id=lane.account_id, ticket=external_id)
