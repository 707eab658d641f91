"""Claim an outbox entry: what is done next with it, and its exact bytes, are committed before any call."""

from dataclasses import dataclass
from enum import Enum, auto
from uuid import UUID

import structlog
from sqlalchemy import select

from integrations.ports import PsaClient
from worker.crash_points import Commit
from worker.db.models import ConnectionRow, OutboxRow, TicketRow
from worker.db.unit_of_work import Transaction
from worker.domain.outbox import MAX_LOST_ANSWERS
from worker.domain.words import OutboxKind, OutboxState
from worker.services import routing
from worker.services.admission import Admission, admit
from worker.services.context import Context
from worker.services.pushing import calls
from worker.services.pushing.order import OPEN, is_held_back

log = structlog.get_logger()


class Step(Enum):
    """What a claim is for. Only SEND may change anything in the PSA."""

    PREPARE = auto()
    SEND = auto()
    PROBE = auto()


@dataclass(frozen=True, slots=True)
class Claim:
    """One entry that this worker has, and what it does with it."""

    entry: OutboxRow
    external_ticket_id: str
    repeatable: bool
    step: Step
    admission: Admission


def connection_of(context: Context, account_id: UUID, outbox_id: int) -> ConnectionRow | None:
    """Return the connection that the entry goes to; None where it is not this entry's turn."""
    with context.uow.begin(account_id) as tx:
        entry = tx.session.get(OutboxRow, outbox_id)
        if entry is None:
            raise routing.unknown(OutboxRow, outbox_id)
        if not _is_its_turn(tx, entry):
            return None
        connection = tx.session.get_one(ConnectionRow, entry.connection_id)
        _ = connection.secrets  # loaded here, since the row outlives the transaction
        return connection


def claim(context: Context, connection: ConnectionRow, client: PsaClient, outbox_id: int) -> Claim | None:
    """Commit what is done next with the entry; None where nothing is, or the connection is paused.

    The row lock closes the race of two workers with the same hint; the second finds the lease running.
    """
    with context.uow.begin(connection.account_id, at=Commit.SENDING) as tx:
        entry = tx.session.get_one(OutboxRow, outbox_id, with_for_update=True)
        if not _is_its_turn(tx, entry):
            return None
        provider = context.providers[connection.provider]
        repeatable = provider.repeatable or entry.kind == OutboxKind.STATUS
        lost_answers = entry.lost_answers + int(entry.state == OutboxState.SENDING)  # who had it died with it
        if repeatable and lost_answers >= MAX_LOST_ANSWERS:
            entry.state, entry.reason = OutboxState.PARKED.value, "its worker died every time it was sent"
            entry.parked_at, entry.lost_answers = tx.now, lost_answers
            log.error("entry parked", outbox_id=entry.id, reason=entry.reason)
            return None
        admission = admit(tx, connection.id)
        if admission is None:
            return None
        entry.lost_answers = lost_answers
        ticket_id = tx.session.get_one(TicketRow, entry.ticket_id).external_id
        claimed = Claim(entry, ticket_id, repeatable, _step(entry, repeatable=repeatable), admission)
        _take(context, tx, claimed, client)
        return claimed


def _is_its_turn(tx: Transaction, entry: OutboxRow) -> bool:
    if entry.state not in OPEN or entry.next_attempt_at > tx.now:
        return False
    held_back = select(OutboxRow.id).where(OutboxRow.id == entry.id, is_held_back())
    return tx.session.scalars(held_back).one_or_none() is None


def _step(entry: OutboxRow, *, repeatable: bool) -> Step:
    if entry.state != OutboxState.PENDING and not repeatable:
        return Step.PROBE
    if entry.kind == OutboxKind.TIME and entry.request_body is None:
        return Step.PREPARE
    return Step.SEND


def _take(context: Context, tx: Transaction, claimed: Claim, client: PsaClient) -> None:
    entry = claimed.entry
    if claimed.step is Step.SEND:
        if entry.kind == OutboxKind.NOTE and entry.request_body is None:
            # made once, without I/O; every attempt sends the same
            entry.request_body = client.prepare_note(calls.note_of(entry, claimed.external_ticket_id))
        entry.sending_at = tx.now
    entry.attempts += int(claimed.step is not Step.PROBE)
    entry.state = _STATES[claimed.step].value
    entry.next_attempt_at = tx.now + context.push_timing.sending_lease


_STATES = {
    Step.PREPARE: OutboxState.PENDING,
    Step.SEND: OutboxState.SENDING,
    Step.PROBE: OutboxState.UNKNOWN,
}
