"""Interpret the pending deliveries of one lane, in the order they came."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import undefer
from sqlalchemy.orm.interfaces import ORMOption

from integrations.errors import CallError, ThrottledError
from worker.crash_points import Commit, CrashPoint, reach
from worker.db.models import ConnectionRow, DeliveryRow
from worker.db.unit_of_work import Transaction
from worker.domain.outbox import backoff
from worker.domain.queues import COMMANDS
from worker.domain.words import DeliveryState
from worker.errors import Refusal
from worker.services import routing
from worker.services.context import Context
from worker.services.interpretation import carried, refetched
from worker.services.interpretation.carried import Carried
from worker.services.interpretation.meaning import Meaning

log = structlog.get_logger()

#: Deliveries interpreted in one turn; the rest is hinted for, so that one busy sender starves nobody.
TURN_LIMIT = 100
#: Deliveries taken at once, by how often the oldest was tried before: fewer each time, in the end one alone.
#: A body that kills its worker then takes nobody with it; and a hundred healthy ones whose worker was killed
#: need not come through one by one, while everything behind them in the lane waits.
BATCH_LIMITS = (TURN_LIMIT, 20, 5, 1)
#: Tries before a person is asked. With the back-off of at most 10 minutes that is over an hour of outage.
MAX_ATTEMPTS = 14
#: How long deliveries are left to the worker that claimed them; a killed worker costs this much. Without it
#: every sweep would put one more worker on a PSA that is slow to answer, each spending an attempt. A little
#: over the time-outs of one read (`integrations.http.READ_LIMITS`); a fetch that takes longer is repeated.
FETCH_LEASE = timedelta(seconds=15)
#: The same where nothing is fetched: one transaction, that waits for nobody but its own lane.
READ_LEASE = timedelta(seconds=5)
#: Wait before the PSA is asked again where what it showed was overtaken.
LOOK_AGAIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Interpreted:
    """What a turn did, in counts."""

    deliveries: int = 0
    commands: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the order needs to know of a pending delivery."""

    delivery_id: int
    attempts: int
    due: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """The deliveries of one turn, an attempt counted on each."""

    connection: ConnectionRow
    lane: str
    delivery_ids: Sequence[int]


def interpret(context: Context, *, account_id: UUID | None, delivery_id: int) -> Interpreted:
    """Interpret all that is pending in the delivery's lane. Safe to run twice and at the same time.

    Without an account the delivery's own is found out; with one, a delivery of another is refused.
    """
    account_id = account_id or routing.account_of(context, DeliveryRow, delivery_id)
    claim = _claim(context, account_id, delivery_id)
    if claim is None:
        return Interpreted()
    if context.providers[claim.connection.provider].carries_commands:
        return _in_order(context, claim)
    try:
        with context.flights.enter(claim.connection.id):
            facts = refetched.fetch(context, claim.connection, claim.lane)
    except CallError as error:
        _again_later(context, claim, error)
        return Interpreted()
    reach(CrashPoint.INTERPRETATION_PSA_ASKED)
    return _file_facts(context, claim, facts)


def _claim(context: Context, account_id: UUID, delivery_id: int) -> Claim | None:
    """Count an attempt first: a delivery that kills its worker is parked, not looped.

    The oldest decides for its lane: while it is claimed or waits for its next try, so do those behind it.
    """
    with context.uow.begin(account_id, at=Commit.INTERPRETATION_CLAIM) as tx:
        delivery = tx.session.get(DeliveryRow, delivery_id)
        if delivery is None:
            raise routing.unknown(DeliveryRow, delivery_id)
        _lock_lane(tx, delivery.connection_id, delivery.lane)
        _park_spent(tx, delivery)
        connection = tx.session.get_one(ConnectionRow, delivery.connection_id)
        _ = connection.secrets  # loaded here, since the row outlives the transaction
        carries_commands = context.providers[connection.provider].carries_commands
        ids = _due_from_head(tx, delivery, one_by_one=carries_commands)
        if not ids:
            return None
        tx.session.execute(
            update(DeliveryRow)
            .where(DeliveryRow.id.in_(ids))
            .values(
                attempts=DeliveryRow.attempts + 1,
                next_attempt_at=tx.now + (READ_LEASE if carries_commands else FETCH_LEASE),
            )
        )
        return Claim(connection, delivery.lane, ids)


def _lock_lane(tx: Transaction, connection_id: UUID, lane: str) -> None:
    """Two workers on one lane claim and interpret in turn, so that its order holds."""
    tx.session.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(f"{connection_id}:{lane}", 0)))
    )


def _due_from_head(tx: Transaction, delivery: DeliveryRow, *, one_by_one: bool) -> list[int]:
    """Return the ids to interpret now. `one_by_one`: bodies that failed their worker come in ever smaller
    batches; where the PSA is asked instead, one answer is good for all of the lane.
    """
    query = (
        select(DeliveryRow.id, DeliveryRow.attempts, DeliveryRow.next_attempt_at <= func.clock_timestamp())
        .where(*_pending_in(delivery))
        .order_by(DeliveryRow.id)
        .limit(TURN_LIMIT)
    )
    due = list(takewhile(lambda delivery: delivery.due, (Waiting(*row) for row in tx.session.execute(query))))
    if one_by_one and due:
        due = due[: BATCH_LIMITS[min(due[0].attempts, len(BATCH_LIMITS) - 1)]]
    return [delivery.delivery_id for delivery in due]


def _in_order(context: Context, claim: Claim) -> Interpreted:
    """Interpret what the bodies say; the lane's lock keeps two workers in order.

    Saves of notes hold their drafts, and what is filed holds its tickets: a turn takes these the other way
    round, so each has a transaction of its own.
    """
    saved = 0
    with _interpreting(context, claim) as tx:
        batch = _carried(tx, claim)
        saves = [entry for entry in batch if entry.save is not None]
        if saves:
            saved = _mark_all(tx, carried.save_notes(tx, context, claim.connection, batch))
        if not saves or saved == len(batch):
            return _file_carried(context, tx, claim, [] if saves else batch, saved)
    with _interpreting(context, claim) as tx:
        return _file_carried(context, tx, claim, _carried(tx, claim), saved)


def _interpreting(context: Context, claim: Claim) -> AbstractContextManager[Transaction]:
    return context.uow.begin(claim.connection.account_id, at=Commit.INTERPRETATION)


def _carried(tx: Transaction, claim: Claim) -> list[Carried]:
    _lock_lane(tx, claim.connection.id, claim.lane)
    return [
        carried.read(claim.connection, row) for row in _still_pending(tx, claim, undefer(DeliveryRow.body))
    ]


def _file_carried(
    context: Context, tx: Transaction, claim: Claim, batch: Sequence[Carried], saved: int
) -> Interpreted:
    meanings = carried.file_commands(tx, claim.connection, batch)
    _mark_all(tx, meanings)
    _hint_rest(context, tx, claim)
    return Interpreted(saved + len(meanings), sum(meaning.commands for _, meaning in meanings))


def _mark_all(tx: Transaction, meanings: Sequence[tuple[Carried, Meaning]]) -> int:
    for entry, meaning in meanings:
        _mark(tx, entry.delivery, meaning)
    return len(meanings)


def _file_facts(context: Context, claim: Claim, facts: refetched.Facts) -> Interpreted:
    """File what the PSA showed. Two workers file the same keys, so the second one files nothing."""
    with context.uow.begin(claim.connection.account_id, at=Commit.INTERPRETATION) as tx:
        meaning = _meaning_of(tx, claim, facts)
        rows = _still_pending(tx, claim)
        for row in rows:
            _mark(tx, row, meaning)
        _hint_rest(context, tx, claim)
    return Interpreted(len(rows), meaning.commands)


def _meaning_of(tx: Transaction, claim: Claim, facts: refetched.Facts) -> Meaning:
    """What cannot be filed is kept with its reason, as ever."""
    try:
        with tx.session.begin_nested():
            return refetched.file_facts(tx, claim.connection, facts)
    except Refusal as refusal:
        return Meaning(DeliveryState.REFUSED, refusal.sentence)


def _still_pending(tx: Transaction, claim: Claim, *options: ORMOption) -> Sequence[DeliveryRow]:
    query = select(DeliveryRow).where(
        DeliveryRow.id.in_(claim.delivery_ids), DeliveryRow.state == DeliveryState.PENDING
    )
    return tx.session.scalars(query.order_by(DeliveryRow.id).options(*options)).all()


def _mark(tx: Transaction, row: DeliveryRow, meaning: Meaning) -> None:
    row.state = meaning.state.value
    row.reason = meaning.reason
    if meaning.state is DeliveryState.PENDING:
        row.next_attempt_at = tx.now + LOOK_AGAIN
    else:
        row.interpreted_at = tx.now


def _hint_rest(context: Context, tx: Transaction, claim: Claim) -> None:
    query = (
        select(DeliveryRow.id, DeliveryRow.external_ticket_id)
        .where(
            DeliveryRow.connection_id == claim.connection.id,
            DeliveryRow.lane == claim.lane,
            DeliveryRow.state == DeliveryState.PENDING,
            DeliveryRow.next_attempt_at <= func.now(),
            DeliveryRow.id.not_in(claim.delivery_ids),
        )
        .order_by(DeliveryRow.id)
        .limit(1)
    )
    for delivery_id, ticket in tx.session.execute(query):
        tx.hint(
            "delivery.interpret",
            on_queue=COMMANDS if context.providers[claim.connection.provider].carries_commands else None,
            delivery_id=delivery_id,
            account_id=str(claim.connection.account_id),
            ticket=ticket,
        )


def _again_later(context: Context, claim: Claim, error: CallError) -> None:
    """The PSA could not be asked: the lane waits. Being told to wait spends no attempt."""
    with context.uow.begin(claim.connection.account_id) as tx:
        for row in _still_pending(tx, claim):
            throttled = isinstance(error, ThrottledError)
            wait: timedelta = (
                error.retry_after if isinstance(error, ThrottledError) else backoff(row.attempts)
            )
            row.attempts -= int(throttled)
            row.reason = str(error)
            row.next_attempt_at = tx.now + wait
            if row.attempts >= MAX_ATTEMPTS:
                row.state = DeliveryState.PARKED.value
    log.warning("psa not asked", connection_id=str(claim.connection.id), lane=claim.lane, reason=str(error))


def _park_spent(tx: Transaction, delivery: DeliveryRow) -> None:
    tx.session.execute(
        update(DeliveryRow)
        .where(
            *_pending_in(delivery),
            DeliveryRow.attempts >= MAX_ATTEMPTS,
            DeliveryRow.next_attempt_at <= func.now(),  # before that, its last attempt may still be running
        )
        .values(state=DeliveryState.PARKED.value, reason="its worker died or failed every time it was tried")
        .execution_options(synchronize_session=False)
    )


def _pending_in(delivery: DeliveryRow) -> tuple[ColumnElement[bool], ...]:
    return (
        DeliveryRow.connection_id == delivery.connection_id,
        DeliveryRow.lane == delivery.lane,
        DeliveryRow.state == DeliveryState.PENDING,
    )
