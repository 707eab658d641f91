"""What an operator does with things that need a person: replay, retry, discard. Recorded, and safe to repeat.

A repair only puts a row back to where the pipeline takes it up; what was done before is not done again,
since the keys of commands and the markers of notes still stand.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from integrations.ports import EventKind
from worker.db.models import AuditRow, CommandRow, DeliveryRow, OutboxRow, TicketRow
from worker.db.unit_of_work import Across, Transaction
from worker.domain.words import CommandState, DeliveryState, OutboxState
from worker.services import routing
from worker.services.context import Context
from worker.services.hinting import hint_command, hint_delivery, hint_entry

Row = DeliveryRow | CommandRow | OutboxRow

#: From which states each repair takes a row; in any other there is nothing to repair.
_REPLAYABLE_DELIVERIES = {DeliveryState.REFUSED, DeliveryState.PARKED, DeliveryState.IGNORED}
_REPLAYABLE_COMMANDS = {CommandState.REFUSED, CommandState.PARKED}
_RETRIABLE = {OutboxState.PARKED, OutboxState.PENDING}
_DISCARDABLE = {OutboxState.PARKED, OutboxState.UNKNOWN, OutboxState.PENDING}


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair did to one row. `done` is false where there was nothing to repair."""

    id: int
    done: bool
    state: str


def replay_deliveries(context: Context, ids: Sequence[int], *, operator: str) -> list[Repaired]:
    """Interpret deliveries again. What they meant before is filed under the same keys, so not twice."""

    def replay(tx: Transaction, row: DeliveryRow) -> bool:
        if row.state not in _REPLAYABLE_DELIVERIES:
            return False
        row.state, row.next_attempt_at, row.parked_at = DeliveryState.PENDING.value, tx.now, None
        row.attempts = row.failures = 0
        hint_delivery(
            tx,
            row.id,
            account_id=row.account_id,
            ticket=row.external_ticket_id,
            carried=row.event_kind == EventKind.COMMAND,
        )
        return True

    return [_repair(context, DeliveryRow, row_id, replay, "delivery.replayed", operator) for row_id in ids]


def replay_commands(context: Context, ids: Sequence[int], *, operator: str) -> list[Repaired]:
    """Apply refused or parked commands again, each at its place in its ticket."""

    def replay(tx: Transaction, row: CommandRow) -> bool:
        if row.state not in _REPLAYABLE_COMMANDS:
            return False
        row.state, row.next_attempt_at, row.settled_at = CommandState.PENDING.value, tx.now, None
        row.attempts = row.failures = 0
        hint_command(
            tx,
            row.id,
            row.type,
            account_id=row.account_id,
            ticket=tx.session.get_one(TicketRow, row.ticket_id).external_id,
            session_id=row.session_id,
        )
        return True

    return [_repair(context, CommandRow, row_id, replay, "command.replayed", operator) for row_id in ids]


def retry_entries(context: Context, ids: Sequence[int], *, operator: str) -> list[Repaired]:
    """Try outbox entries now. One that is being searched for is left to that: its PSA may still be at it."""

    def retry(tx: Transaction, row: OutboxRow) -> bool:
        if row.state not in _RETRIABLE:
            return False
        if row.state == OutboxState.PARKED:
            # one that may have been sent is searched for, twice, before it is sent again
            row.state = (OutboxState.UNKNOWN if row.sending_at else OutboxState.PENDING).value
            row.probes = row.lost_answers = 0
        row.attempts, row.next_attempt_at, row.parked_at = 0, tx.now, None
        hint_entry(
            tx,
            row.id,
            account_id=row.account_id,
            ticket=tx.session.get_one(TicketRow, row.ticket_id).external_id,
            session_id=row.session_id,
        )
        return True

    return [_repair(context, OutboxRow, row_id, retry, "outbox.retried", operator) for row_id in ids]


def discard_entries(context: Context, ids: Sequence[int], *, operator: str) -> list[Repaired]:
    """Give outbox entries up: the PSA is never told. The row stays, with the reason it had."""

    def discard(_: Transaction, row: OutboxRow) -> bool:
        if row.state not in _DISCARDABLE:
            return False
        row.state = OutboxState.DISCARDED.value
        row.reason = f"discarded by {operator}; before: {row.reason or 'not sent yet'}"
        return True

    return [_repair(context, OutboxRow, row_id, discard, "outbox.discarded", operator) for row_id in ids]


def kept(tx: Across, model: type[Row], states: Sequence[str], *, limit: int) -> list[int]:
    """Return the ids of the oldest rows in these states, for a repair of many."""
    query = select(model.id).where(model.state.in_(states)).order_by(model.id).limit(limit)
    return list(tx.session.scalars(query))


def _repair(
    context: Context,
    model: type[Any],
    row_id: int,
    change: Callable[[Transaction, Any], bool],
    action: str,
    operator: str,
) -> Repaired:
    account_id = routing.find_account(context, model, row_id)
    if account_id is None:
        return Repaired(row_id, done=False, state="unknown")
    with context.uow.begin(account_id) as tx:
        # two operators, or an operator and a worker, take turns on the row
        row = tx.session.get_one(model, row_id, with_for_update=True)
        before = row.state
        done = change(tx, row)
        if done:
            detail: Mapping[str, Any] = {"id": row_id, "from": before, "to": row.state}
            tx.session.add(
                AuditRow(
                    account_id=account_id, operator=operator, action=action, detail=dict(detail), at=tx.now
                )
            )
        return Repaired(row_id, done, row.state)
