"""Remove what was settled long ago: deliveries and commands as rows, pushes by what they said.

Never what is open, and never what is parked: that waits for a person. Kept at least as long as it may come
again: a sender repeats a message for days, under the same key (`settings.MIN_KEPT_DAYS`); a reconcile lists
what changed since its watermark, however long it has stood; and a walk that is active looks at its ticket's
commands. What comes again later than that is new.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from sqlalchemy import delete, select, update

from worker.db.models import (
    AccountRow,
    CommandRow,
    ConnectionStateRow,
    DeliveryRow,
    OutboxRow,
    SessionRow,
)
from worker.db.unit_of_work import Transaction
from worker.domain.words import CommandState, DeliveryState, OutboxState, SessionStatus
from worker.services.context import Context

#: Rows looked at per transaction: some milliseconds of locks.
BATCH = 1_000
#: A run ends after this, in seconds, well below the time limit of a task, and hints at the next one.
RUN_SECONDS = 60.0
#: A reconcile looks behind its watermark by its provider's overlap: minutes. A day is more than any.
BEHIND_WATERMARK = timedelta(days=1)

_DELIVERIES = (DeliveryState.INTERPRETED, DeliveryState.IGNORED, DeliveryState.REFUSED)
_COMMANDS = (CommandState.APPLIED, CommandState.REFUSED)
_PUSHES = (OutboxState.SENT, OutboxState.DISCARDED)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a run removed, and whether there may be more."""

    deliveries: int = 0
    commands: int = 0
    pushes: int = 0
    more: bool = False


def prune(context: Context, *, run_seconds: float = RUN_SECONDS) -> Pruned:
    """Remove what is old enough, in small transactions, each in one account. Harmless twice."""
    deadline = time.monotonic() + run_seconds
    counts: Counter[str] = Counter()
    more = False
    for what, removed in _removals(context):
        counts[what] += removed
        more = time.monotonic() > deadline
        if more:
            _go_on_later(context)
            break
    return Pruned(counts["deliveries"], counts["commands"], counts["pushes"], more)


def _removals(context: Context) -> Iterator[tuple[str, int]]:
    """Remove batch by batch; yield what and how many once it is committed."""
    upkeep = context.upkeep
    for account_id, ids, now in _old(context, DeliveryRow, _DELIVERIES, upkeep.keep_deliveries):
        with context.uow.begin(account_id) as tx:
            removed = _delete_deliveries(tx, ids, now - upkeep.keep_deliveries)
        yield "deliveries", removed
    for account_id, ids, now in _old(context, CommandRow, _COMMANDS, upkeep.keep_commands):
        with context.uow.begin(account_id) as tx:
            removed = _delete_commands(tx, ids, now - upkeep.keep_commands)
        yield "commands", removed
    for account_id in _accounts(context):
        emptied = BATCH
        while emptied == BATCH:
            with context.uow.begin(account_id) as tx:
                emptied = _empty_pushes(tx, account_id, tx.now - upkeep.keep_pushes)
            yield "pushes", emptied


def _old(
    context: Context,
    model: type[DeliveryRow] | type[CommandRow],
    states: Sequence[DeliveryState | CommandState],
    keep: timedelta,
) -> Iterator[tuple[UUID, list[int], datetime]]:
    """Yield the ids that are old enough by their states and times, account by account, the oldest first."""
    after = 0
    while True:
        with context.uow.across() as across:
            now = across.now
            query = select(model.id, model.account_id).where(
                model.id > after, model.state.in_(states), model.received_at < now - keep
            )
            found = across.session.execute(query.order_by(model.id).limit(BATCH)).all()
        if not found:
            return
        after = found[-1].id
        by_account = sorted(found, key=lambda row: row.account_id)
        for account_id, rows in groupby(by_account, key=lambda row: row.account_id):
            yield account_id, [row.id for row in rows], now


def _delete_deliveries(tx: Transaction, ids: Sequence[int], before: datetime) -> int:
    passed = (
        select(ConnectionStateRow.watermark - BEHIND_WATERMARK)
        .where(ConnectionStateRow.connection_id == DeliveryRow.connection_id)
        .scalar_subquery()
    )
    statement = delete(DeliveryRow).where(
        DeliveryRow.id.in_(ids),
        DeliveryRow.state.in_(_DELIVERIES),  # it may have been replayed meanwhile
        DeliveryRow.received_at < before,
        DeliveryRow.received_at < passed,
    )
    return len(_removed(tx, statement.returning(DeliveryRow.id)))


def _delete_commands(tx: Transaction, ids: Sequence[int], before: datetime) -> int:
    walked = select(SessionRow.ticket_id).where(
        SessionRow.ticket_id == CommandRow.ticket_id, SessionRow.status == SessionStatus.ACTIVE
    )
    statement = delete(CommandRow).where(
        CommandRow.id.in_(ids),
        CommandRow.state.in_(_COMMANDS),
        CommandRow.received_at < before,
        ~walked.exists(),
    )
    return len(_removed(tx, statement.returning(CommandRow.id)))


def _empty_pushes(tx: Transaction, account_id: UUID, before: datetime) -> int:
    """Remove what was said; that it was, when, and the PSA's id for it stay."""
    old = (
        select(OutboxRow.id)
        .where(
            OutboxRow.account_id == account_id,
            OutboxRow.state.in_(_PUSHES),
            OutboxRow.emptied_at.is_(None),
            OutboxRow.created_at < before,
        )
        .order_by(OutboxRow.id)
        .limit(BATCH)
    )
    statement = (
        update(OutboxRow)
        .where(OutboxRow.id.in_(old.scalar_subquery()))
        .values(request_body=None, content={}, emptied_at=tx.now)
    )
    return len(_removed(tx, statement.returning(OutboxRow.id)))


def _removed(tx: Transaction, statement: object) -> Sequence[int]:
    options = {"synchronize_session": False}
    return tx.session.scalars(statement, execution_options=options).all()  # type: ignore[call-overload,no-any-return] # a statement that returns ids


def _accounts(context: Context) -> Sequence[UUID]:
    with context.uow.across() as across:
        return across.session.scalars(select(AccountRow.id).order_by(AccountRow.id)).all()


def _go_on_later(context: Context) -> None:
    with context.uow.across() as across:
        across.hint("maintenance.prune")
