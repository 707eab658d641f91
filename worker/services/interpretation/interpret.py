"""Interpret the pending deliveries of one lane, in the order they came."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import undefer

from integrations.errors import CallError, ThrottledError
from worker.crash_points import Commit, CrashPoint, reach
from worker.db.models import ConnectionRow, DeliveryRow
from worker.db.unit_of_work import Transaction
from worker.domain.outbox import backoff
from worker.domain.words import DeliveryState
from worker.errors import Refusal
from worker.services import routing
from worker.services.accounts import open_link
from worker.services.admission import heard
from worker.services.context import Context
from worker.services.hinting import hint_delivery
from worker.services.interpretation import carried, claims, deletions, refetched
from worker.services.interpretation.carried import Carried
from worker.services.interpretation.claims import MAX_ATTEMPTS, Claim
from worker.services.interpretation.meaning import Meaning
from worker.services.pacing import NoPlaceError

log = structlog.get_logger()

#: One of so many lanes that are due is woken when a call is over: workers that end at the same moment wake
#: different ones.
WOKEN_FROM = 20


@dataclass(frozen=True, slots=True)
class Interpreted:
    """What a turn did, in counts."""

    deliveries: int = 0
    commands: int = 0


def interpret(context: Context, *, account_id: UUID | None, delivery_id: int) -> Interpreted:
    """Interpret all that is pending in the delivery's lane. Safe to run twice and at the same time.

    Without an account the delivery's own is found out; with one, a delivery of another is refused.
    """
    account_id = account_id or routing.account_of(context, DeliveryRow, delivery_id)
    connection = _connection_of(context, account_id, delivery_id)
    provider = context.providers[connection.provider]
    if provider.carries_commands:
        claim = claims.claim(context, connection, delivery_id)
        return _in_order(context, claim) if claim else Interpreted()
    try:
        with context.pacer.place(str(connection.id), provider.calls_at_once):
            return _ask(context, connection, delivery_id)
    except NoPlaceError:
        # who has a place wakes another lane when it is done; the sweep covers it
        return Interpreted()


def _ask(context: Context, connection: ConnectionRow, delivery_id: int) -> Interpreted:
    """Ask the PSA what the lane's deliveries are about, and file what it shows."""
    # before the claim: secrets that do not open are no fault of the delivery
    client = context.providers[connection.provider].client(open_link(context, connection))
    claim = claims.claim(context, connection, delivery_id)
    if claim is None:
        return Interpreted()
    try:
        facts = refetched.fetch(context, connection, client, claim.lane, said_deleted=claim.said_deleted)
    except CallError as error:
        _again_later(context, claim, error)
        return Interpreted()
    reach(CrashPoint.INTERPRETATION_PSA_ASKED)
    return _file_facts(context, claim, facts)


def _connection_of(context: Context, account_id: UUID, delivery_id: int) -> ConnectionRow:
    with context.uow.begin(account_id) as tx:
        delivery = tx.session.get(DeliveryRow, delivery_id)
        if delivery is None:
            raise routing.unknown(DeliveryRow, delivery_id)
        connection = tx.session.get_one(ConnectionRow, delivery.connection_id)
        _ = connection.secrets  # loaded here, since the row outlives the transaction
        return connection


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
    claims.lock_lane(tx, claim.connection.id, claim.lane)
    rows = claims.still_pending(tx, claim, undefer(DeliveryRow.body))
    return [carried.read(claim.connection, row) for row in rows]


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
        rows = claims.still_pending(tx, claim)
        for row in rows:
            own = deletions.judged(row, meaning, is_shown=facts.ticket is not None, now=tx.now)
            _mark(tx, row, own)
            row.seen_version = facts.version if own.state is not DeliveryState.PENDING else None
        _hint_rest(context, tx, claim)
        _hint_another_lane(tx, claim)
        _take_in(tx, claim, None)
    return Interpreted(len(rows), meaning.commands)


def _take_in(tx: Transaction, claim: Claim, error: CallError | None) -> None:
    assert claim.admission is not None  # only who was admitted has asked
    heard(tx, claim.admission, error)


def _meaning_of(tx: Transaction, claim: Claim, facts: refetched.Facts) -> Meaning:
    """What cannot be filed is kept with its reason, as ever."""
    try:
        with tx.session.begin_nested():
            return refetched.file_facts(tx, claim.connection, facts)
    except Refusal as refusal:
        return Meaning(DeliveryState.REFUSED, refusal.sentence)


def _mark(tx: Transaction, row: DeliveryRow, meaning: Meaning) -> None:
    row.state = meaning.state.value
    row.reason = meaning.reason
    if meaning.state is DeliveryState.PENDING:
        row.next_attempt_at = tx.now + meaning.wait
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
        hint_delivery(
            tx,
            delivery_id,
            account_id=claim.connection.account_id,
            ticket=ticket,
            carried=context.providers[claim.connection.provider].carries_commands,
        )


def _hint_another_lane(tx: Transaction, claim: Claim) -> None:
    """Give this call's place to another ticket of the connection: none is idle until the next sweep."""
    due = (
        select(DeliveryRow.id, DeliveryRow.external_ticket_id)
        .where(
            DeliveryRow.account_id == claim.connection.account_id,
            DeliveryRow.connection_id == claim.connection.id,
            DeliveryRow.lane != claim.lane,
            DeliveryRow.state == DeliveryState.PENDING,
            DeliveryRow.next_attempt_at <= func.now(),
        )
        .order_by(DeliveryRow.id)
        .limit(WOKEN_FROM)
        .subquery()
    )
    for delivery_id, ticket in tx.session.execute(select(due).order_by(func.random()).limit(1)):
        hint_delivery(tx, delivery_id, account_id=claim.connection.account_id, ticket=ticket, carried=False)


def _again_later(context: Context, claim: Claim, error: CallError) -> None:
    """The PSA could not be asked: the lane waits. Being told to wait spends no attempt."""
    with context.uow.begin(claim.connection.account_id) as tx:
        for row in claims.still_pending(tx, claim):
            if isinstance(error, ThrottledError):
                row.attempts -= 1
                wait: timedelta = error.retry_after
            else:
                row.failures += 1
                wait = backoff(row.failures)
            row.reason = str(error)
            row.next_attempt_at = tx.now + wait
            if row.failures >= MAX_ATTEMPTS:
                row.state, row.parked_at = DeliveryState.PARKED.value, tx.now
                log.error("delivery parked", delivery_id=row.id, reason=row.reason)
        _take_in(tx, claim, error)
    log.warning("psa not asked", connection_id=str(claim.connection.id), lane=claim.lane, reason=str(error))
