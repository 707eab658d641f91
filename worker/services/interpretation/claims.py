"""Claim the pending deliveries of one lane, in the order they came: an attempt is counted before the work."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm.interfaces import ORMOption

from integrations.ports import EventKind
from worker.crash_points import Commit
from worker.db.models import ConnectionRow, DeliveryRow
from worker.db.unit_of_work import Transaction
from worker.domain.words import DeliveryState
from worker.services.admission import Admission, admit
from worker.services.context import Context

log = structlog.get_logger()

#: Deliveries interpreted in one turn; the rest is hinted for, so that one busy sender starves nobody.
TURN_LIMIT = 100
#: Deliveries taken at once, by how many workers the oldest lost: fewer each time, in the end one alone.
#: A body that kills its worker then takes nobody with it; and a hundred healthy ones whose worker was killed
#: need not come through one by one, while everything behind them in the lane waits.
BATCH_LIMITS = (TURN_LIMIT, 20, 5, 1)
#: Failures before a person is asked: with the back-off of at most 10 minutes, two hours of outage. And as
#: many claims that come to nothing, more than of a command: a worker that dies loses all its threads' claims.
MAX_ATTEMPTS = 20
#: How long deliveries are left to the worker that claimed them; a killed worker costs this much. Without it
#: every sweep would put one more worker on a PSA that is slow to answer, each spending an attempt. A little
#: over the time-outs of one read (`integrations.http.READ_LIMITS`) and the wait for its slot; a fetch that
#: takes longer is repeated.
FETCH_LEASE = timedelta(seconds=20)
#: The same where nothing is fetched: one transaction, that waits for nobody but its own lane.
READ_LEASE = timedelta(seconds=5)

#: Claims that came to nothing.
_LOST = DeliveryRow.attempts - DeliveryRow.failures


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the order needs to know of a pending delivery."""

    delivery_id: int
    lost: int
    event_kind: str
    due: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """The deliveries of one turn, an attempt counted on each.

    `said_deleted`: one of them says that the ticket was deleted.
    """

    connection: ConnectionRow
    lane: str
    delivery_ids: Sequence[int]
    said_deleted: bool = False
    admission: Admission | None = None


def claim(context: Context, connection: ConnectionRow, delivery_id: int) -> Claim | None:
    """Count an attempt first: a delivery that kills its worker is parked, not looped.

    The oldest decides for its lane: while it is claimed or waits for its next try, so do those behind it.
    """
    with context.uow.begin(connection.account_id, at=Commit.INTERPRETATION_CLAIM) as tx:
        delivery = tx.session.get_one(DeliveryRow, delivery_id)
        lock_lane(tx, delivery.connection_id, delivery.lane)
        _park_spent(tx, delivery)
        carries_commands = context.providers[connection.provider].carries_commands
        due = _due_from_head(tx, delivery, one_by_one=carries_commands)
        if not due:
            return None
        admission = None if carries_commands else admit(tx, connection.id)
        if admission is None and not carries_commands:
            return None
        tx.session.execute(
            update(DeliveryRow)
            .where(DeliveryRow.id.in_([waiting.delivery_id for waiting in due]))
            .values(
                attempts=DeliveryRow.attempts + 1,
                next_attempt_at=tx.now + (READ_LEASE if carries_commands else FETCH_LEASE),
            )
        )
        return Claim(
            connection,
            delivery.lane,
            [waiting.delivery_id for waiting in due],
            said_deleted=any(waiting.event_kind == EventKind.TICKET_DELETED for waiting in due),
            admission=admission,
        )


def lock_lane(tx: Transaction, connection_id: UUID, lane: str) -> None:
    """Two workers on one lane claim and interpret in turn, so that its order holds."""
    tx.session.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(f"{connection_id}:{lane}", 0)))
    )


def _due_from_head(tx: Transaction, delivery: DeliveryRow, *, one_by_one: bool) -> list[Waiting]:
    """Return those to interpret now. `one_by_one`: bodies that failed their worker come in ever smaller
    batches; where the PSA is asked instead, one answer is good for all of the lane.
    """
    query = (
        select(
            DeliveryRow.id,
            _LOST,
            DeliveryRow.event_kind,
            DeliveryRow.next_attempt_at <= func.clock_timestamp(),
        )
        .where(*_pending_in(delivery))
        .order_by(DeliveryRow.id)
        .limit(TURN_LIMIT)
    )
    due = list(takewhile(lambda delivery: delivery.due, (Waiting(*row) for row in tx.session.execute(query))))
    if one_by_one and due:
        due = due[: BATCH_LIMITS[min(due[0].lost, len(BATCH_LIMITS) - 1)]]
    return due


def still_pending(tx: Transaction, claimed: Claim, *options: ORMOption) -> Sequence[DeliveryRow]:
    """Return those of the claim that nobody else has interpreted meanwhile."""
    query = select(DeliveryRow).where(
        DeliveryRow.id.in_(claimed.delivery_ids), DeliveryRow.state == DeliveryState.PENDING
    )
    return tx.session.scalars(query.order_by(DeliveryRow.id).options(*options)).all()


def _park_spent(tx: Transaction, delivery: DeliveryRow) -> None:
    reason = "its worker died or failed every time it was tried"
    parked = tx.session.scalars(
        update(DeliveryRow)
        .where(
            *_pending_in(delivery),
            _LOST >= MAX_ATTEMPTS,
            DeliveryRow.next_attempt_at <= func.now(),  # before that, its last attempt may still be running
        )
        .values(state=DeliveryState.PARKED.value, reason=reason, parked_at=func.now())
        .returning(DeliveryRow.id)
        .execution_options(synchronize_session=False)
    )
    for delivery_id in parked:
        log.error("delivery parked", delivery_id=delivery_id, reason=reason)


def _pending_in(delivery: DeliveryRow) -> tuple[ColumnElement[bool], ...]:
    return (
        DeliveryRow.connection_id == delivery.connection_id,
        DeliveryRow.lane == delivery.lane,
        DeliveryRow.state == DeliveryState.PENDING,
    )
