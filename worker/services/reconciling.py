"""Ask a PSA what has changed, and file what no webhook announced. Harmless twice, and at the same time.

The watermark moves to the moment a run began, and only once all of its pages are stored; a run looks behind
it by the provider's overlap, since a PSA lists changes late. What was seen gives no second delivery: not a
version that an earlier run filed, not one that was looked at because of a webhook, and not a ticket whose
delivery is still to be looked at.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar
from uuid import UUID

import structlog
from sqlalchemy import select, update

from integrations.errors import CallError, RejectedError, ThrottledError
from integrations.ports import ChangedTicket, Event, EventKind, Provider
from worker.db.models import ConnectionRow, ConnectionStateRow, DeliveryRow
from worker.domain.words import DeliveryState, Outcome
from worker.services import lookup, routing
from worker.services.accounts import open_link
from worker.services.admission import calling
from worker.services.context import Context
from worker.services.due import hint_due
from worker.services.intake import NewDelivery, store

log = structlog.get_logger()

T = TypeVar("T")

#: Tickets stored per transaction.
BATCH = 100
#: Another run of the same connection begins after this, should this one's worker have died; each batch
#: extends it.
LEASE = timedelta(minutes=5)
#: Nobody waits for a reconcile, so it waits for its slots itself.
PATIENCE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a run did: tickets listed, and those of them that no webhook had announced."""

    outcome: Outcome = Outcome.APPLIED
    listed: int = 0
    filed: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Nothing that changed between `since` and `began_at` is left out when it is over."""

    connection: ConnectionRow
    provider: Provider
    began_at: datetime
    since: datetime


def hint_reconciles(context: Context) -> int:
    """Hint at each connection whose reconcile is due. Return how many."""
    return hint_due(context, "psa.reconcile", ConnectionStateRow.reconcile_due_at)


def reconcile(
    context: Context, *, connection: str, account_id: UUID | None = None, only_due: bool = False
) -> Reconciled:
    """Reconcile one connection, by name or id. `only_due`: not where another run was a moment ago."""
    account_id = account_id or routing.account_of_connection(context, connection)
    with context.uow.begin(account_id) as tx:
        row = lookup.connection(tx, connection)
        _ = row.secrets  # loaded here, since the row outlives the transaction
    if context.providers[row.provider].carries_commands:
        return _nothing_to_ask(context, row)
    run = _begin(context, row, only_due=only_due)
    if run is None:
        return Reconciled(Outcome.WAITING, reason="another run is under way, or was a moment ago")
    try:
        with (
            context.pacer.place(str(row.id), run.provider.calls_at_once, patience=PATIENCE),
            calling(context, row),
        ):
            listed, filed = _file_all(context, run)
    except CallError as error:
        return _put_off(context, run, error)
    _end(context, run)
    log.info("reconciled", connection_id=str(row.id), listed=listed, filed=filed)
    return Reconciled(listed=listed, filed=filed)


def _nothing_to_ask(context: Context, row: ConnectionRow) -> Reconciled:
    """What brings its commands itself has brought all there is."""
    with context.uow.begin(row.account_id) as tx:
        state = tx.session.get_one(ConnectionStateRow, row.id, with_for_update=True)
        state.reconcile_due_at = tx.now + context.upkeep.reconcile_every
        state.watermark = tx.now
    return Reconciled(reason=f"{row.provider} brings its commands itself")


def _begin(context: Context, row: ConnectionRow, *, only_due: bool) -> Run | None:
    provider = context.providers[row.provider]
    with context.uow.begin(row.account_id) as tx:
        # two hints take turns here, and the second finds the first one's lease
        state = tx.session.get_one(ConnectionStateRow, row.id, with_for_update=True)
        if only_due and state.reconcile_due_at > tx.now:
            return None
        if state.reconciling_until is not None and state.reconciling_until > tx.now:
            return None
        state.reconciling_until = tx.now + LEASE
        state.reconcile_due_at = tx.now + context.upkeep.reconcile_every
        return Run(row, provider, began_at=tx.now, since=state.watermark - provider.reconcile_overlap)


def _file_all(context: Context, run: Run) -> tuple[int, int]:
    client = run.provider.client(open_link(context, run.connection, patience=PATIENCE))
    listed = filed = 0
    for batch in _batches(client.changed_since(run.since), BATCH):
        listed += len(batch)
        filed += _file(context, run, batch)
    return listed, filed


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _file(context: Context, run: Run, batch: Sequence[ChangedTicket]) -> int:
    """Store a delivery for each ticket that needs a look, and say that the run goes on."""
    unseen = _unseen(context, run, batch)
    stored = store(context, [_delivery(run, ticket) for ticket in unseen], announced=False) if unseen else []
    filed = sum(not one.duplicate for one in stored)
    with context.uow.begin(run.connection.account_id) as tx:
        tx.session.execute(
            update(ConnectionStateRow)
            .where(ConnectionStateRow.connection_id == run.connection.id)
            .values(
                reconciling_until=tx.now + LEASE,
                missed=ConnectionStateRow.missed + filed,
                missed_since_delivery=ConnectionStateRow.missed_since_delivery + filed,
            )
        )
    return filed


def _unseen(context: Context, run: Run, batch: Sequence[ChangedTicket]) -> list[ChangedTicket]:
    """Return those that nobody has looked at as they are now, and nobody is about to."""
    ids = [ticket.ticket_id for ticket in batch]
    of_connection = DeliveryRow.connection_id == run.connection.id
    with context.uow.begin(run.connection.account_id) as tx:
        versions = select(DeliveryRow.external_ticket_id, DeliveryRow.seen_version).where(
            of_connection, DeliveryRow.external_ticket_id.in_(ids), DeliveryRow.seen_version.is_not(None)
        )
        seen = {(ticket_id, version) for ticket_id, version in tx.session.execute(versions)}
        # a delivery that was never claimed is looked at after this, so what changed before is seen then
        untouched = select(DeliveryRow.lane).where(
            of_connection,
            DeliveryRow.lane.in_(ids),
            DeliveryRow.state == DeliveryState.PENDING,
            DeliveryRow.attempts == 0,
        )
        awaited = set(tx.session.scalars(untouched))
    return [
        ticket
        for ticket in batch
        if (ticket.ticket_id, ticket.version) not in seen and ticket.ticket_id not in awaited
    ]


def _delivery(run: Run, ticket: ChangedTicket) -> NewDelivery:
    return NewDelivery(
        account_id=run.connection.account_id,
        connection_id=run.connection.id,
        lane=ticket.ticket_id,
        event=Event(
            EventKind.TICKET_CHANGED,
            dedupe_key=f"reconcile:{ticket.ticket_id}:{ticket.version}",
            ticket_id=ticket.ticket_id,
        ),
        body=b"",
    )


def _end(context: Context, run: Run) -> None:
    with context.uow.begin(run.connection.account_id) as tx:
        state = tx.session.get_one(ConnectionStateRow, run.connection.id, with_for_update=True)
        # should two have run after all, the later beginning holds: each has stored what came before its own
        state.watermark = max(state.watermark, run.began_at)
        state.reconciled_at = tx.now
        state.reconciling_until = state.reconcile_problem = None


def _put_off(context: Context, run: Run, error: CallError) -> Reconciled:
    """What was stored stays; the watermark stands, so the next run begins where this one did."""
    with context.uow.begin(run.connection.account_id) as tx:
        state = tx.session.get_one(ConnectionStateRow, run.connection.id, with_for_update=True)
        state.reconciling_until = None
        if isinstance(error, ThrottledError):
            state.reconcile_due_at = tx.now + error.retry_after
        if isinstance(error, RejectedError):
            state.reconcile_problem = f"what has changed cannot be read: {error}"
    log.warning("not reconciled", connection_id=str(run.connection.id), reason=str(error))
    return Reconciled(Outcome.WAITING, reason=str(error))
