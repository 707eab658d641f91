"""Store deliveries: accepted means stored. Many at once share one commit."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from integrations.ports import Event, EventKind
from worker.crash_points import Commit
from worker.db.models import ConnectionRow, ConnectionStateRow, DeliveryRow
from worker.db.unit_of_work import Transaction
from worker.domain.words import DeliveryState
from worker.services import routing
from worker.services.context import Context
from worker.services.hinting import hint_delivery

#: Connection and dedupe key: what makes two deliveries the same one.
_Key = tuple[UUID, str]


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """One authentic POST. `lane` groups what must be interpreted in the order it came."""

    account_id: UUID
    connection_id: UUID
    lane: str
    event: Event
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """What is durable now. `duplicate`: the same delivery was stored before, and this one changed nothing."""

    delivery_id: int
    duplicate: bool


def connection_by_id(context: Context, connection_id: UUID) -> ConnectionRow | None:
    """Return the connection that a webhook URL names, with its sealed secrets."""
    account_id = routing.find_account(context, ConnectionRow, connection_id)
    if account_id is None:
        return None
    with context.uow.begin(account_id) as tx:
        row = tx.session.get(ConnectionRow, connection_id)
        if row is not None:
            _ = row.secrets  # loaded here, since the row outlives the transaction
        return row


def store(context: Context, deliveries: Sequence[NewDelivery], *, announced: bool = True) -> list[Stored]:
    """Store deliveries in one transaction and wake workers for the new ones, in the given order.

    Those of each account are written in that account; all of them share the commit. `announced`: they came as
    webhooks, so their connections are not silent.
    """
    by_account: dict[UUID, list[NewDelivery]] = {}
    for delivery in deliveries:
        by_account.setdefault(delivery.account_id, []).append(delivery)
    new: dict[_Key, int] = {}
    standing: dict[_Key, int] = {}
    with context.uow.begin(deliveries[0].account_id, at=Commit.DELIVERY) as tx:
        for account_id, of_account in by_account.items():
            tx.turn_to(account_id)
            new |= _insert(tx, of_account)
            standing |= _standing(tx, of_account, new)
            if announced:
                _end_silence(tx, {delivery.connection_id for delivery in of_account})
        _hint_lanes(tx, deliveries, new)
        stored = []
        for delivery in deliveries:
            key = (delivery.connection_id, delivery.event.dedupe_key)
            # the first of two equal ones in a batch is the new one
            new_id = new.pop(key, None)
            stored.append(Stored(new_id or standing[key], duplicate=new_id is None))
            standing.setdefault(key, stored[-1].delivery_id)
        return stored


def _insert(tx: Transaction, deliveries: Sequence[NewDelivery]) -> dict[_Key, int]:
    statement = insert(DeliveryRow).values([_values(delivery) for delivery in deliveries])
    returned = tx.session.execute(
        statement.on_conflict_do_nothing().returning(
            DeliveryRow.id, DeliveryRow.connection_id, DeliveryRow.dedupe_key
        )
    )
    return {(row.connection_id, row.dedupe_key): row.id for row in returned}


def _values(delivery: NewDelivery) -> dict[str, object]:
    ignored = delivery.event.kind is EventKind.IGNORED
    return {
        "account_id": delivery.account_id,
        "connection_id": delivery.connection_id,
        "dedupe_key": delivery.event.dedupe_key,
        "lane": delivery.lane,
        "event_kind": delivery.event.kind.value,
        "external_ticket_id": delivery.event.ticket_id,
        "body": delivery.body,
        "state": (DeliveryState.IGNORED if ignored else DeliveryState.PENDING).value,
        "reason": delivery.event.reason,
    }


def _standing(tx: Transaction, deliveries: Sequence[NewDelivery], new: Mapping[_Key, int]) -> dict[_Key, int]:
    keys = {(delivery.connection_id, delivery.event.dedupe_key) for delivery in deliveries} - new.keys()
    if not keys:
        return {}
    query = select(DeliveryRow.connection_id, DeliveryRow.dedupe_key, DeliveryRow.id).where(
        tuple_(DeliveryRow.connection_id, DeliveryRow.dedupe_key).in_(keys)
    )
    return {(row[0], row[1]): row[2] for row in tx.session.execute(query)}


#: How exactly it is known when a connection's last delivery came: a burst costs one update.
KNOWN_WITHIN = timedelta(seconds=10)


def _end_silence(tx: Transaction, connection_ids: Collection[UUID]) -> None:
    """Note that webhooks come. A row that somebody holds is left alone: nobody waits for this."""
    state = ConnectionStateRow
    stale = (
        select(state.connection_id)
        .where(
            state.connection_id.in_(connection_ids),
            or_(
                state.last_delivery_at.is_(None),
                state.last_delivery_at < func.now() - KNOWN_WITHIN,
                state.missed_since_delivery > 0,
            ),
        )
        .with_for_update(skip_locked=True)
    )
    tx.session.execute(
        update(state)
        .where(state.connection_id.in_(stale.scalar_subquery()))
        .values(last_delivery_at=func.now(), missed_since_delivery=0)
        .execution_options(synchronize_session=False)
    )


def _hint_lanes(tx: Transaction, deliveries: Sequence[NewDelivery], new: Mapping[_Key, int]) -> None:
    """One wake-up per lane: interpreting one delivery interprets all of its lane."""
    woken: set[tuple[UUID, str]] = set()
    for delivery in deliveries:
        lane = (delivery.connection_id, delivery.lane)
        delivery_id = new.get((delivery.connection_id, delivery.event.dedupe_key))
        if delivery_id is None or lane in woken or delivery.event.kind is EventKind.IGNORED:
            continue
        woken.add(lane)
        hint_delivery(
            tx,
            delivery_id,
            account_id=delivery.account_id,
            ticket=delivery.event.ticket_id,
            carried=delivery.event.kind is EventKind.COMMAND,
            wakes_lane=f"delivery:{delivery.connection_id}:{delivery.lane}",
        )
