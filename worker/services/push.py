"""Tell the PSA what the outbox says, exactly once per entry.

The entry is claimed and its bytes and the state `sending` are committed before the call; nothing is locked
during the call; its outcome is committed after. Who finds `sending` with its lease over knows that a worker
died there: the outcome is unknown, and the ticket is searched for the marker before anything is sent again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import and_, or_, select

from integrations.errors import AmbiguousError, CallError, RejectedError, ThrottledError
from integrations.ports import NotePurpose, NotePush, PsaClient
from worker.crash_points import Commit, CrashPoint, reach
from worker.db.models import ConnectionRow, OutboxRow, TicketRow
from worker.db.unit_of_work import Transaction
from worker.domain.outbox import MAX_LOST_ANSWERS, Failure, Verdict, after_failure, after_probe
from worker.domain.words import OutboxKind, OutboxState
from worker.errors import ConfigurationError
from worker.services import routing
from worker.services.accounts import open_link
from worker.services.context import Context

log = structlog.get_logger()

_OPEN = (OutboxState.PENDING.value, OutboxState.SENDING.value, OutboxState.UNKNOWN.value)


@dataclass(frozen=True, slots=True)
class Claim:
    """One entry that this worker sends or looks for. `probe`: its outcome is unknown."""

    entry: OutboxRow
    connection: ConnectionRow
    external_ticket_id: str
    repeatable: bool
    probe: bool


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did to its entry."""

    outbox_id: int
    state: OutboxState
    external_id: str | None = None


def push(context: Context, *, account_id: UUID | None, outbox_id: int) -> Pushed:
    """Send an entry, or find out whether it was sent. Does nothing where it is not this entry's turn.

    Without an account the entry's own is found out; with one, an entry of another is refused.
    """
    account_id = account_id or routing.account_of(context, OutboxRow, outbox_id)
    try:
        claim = _claim(context, account_id, outbox_id)
    except ConfigurationError as error:
        return _put_off(context, account_id, outbox_id, error)
    if claim is None:
        return _as_it_stands(context, account_id, outbox_id)
    client = context.providers[claim.connection.provider].client(open_link(context, claim.connection))
    try:
        with context.flights.enter(claim.connection.id):
            external_id = _probe(client, claim) if claim.probe else _send(client, claim)
    except CallError as error:
        return _failed(context, claim, error)
    if claim.probe and external_id is None:
        reach(CrashPoint.PUSH_NOTHING_FOUND)
        verdict = after_probe(
            found=False,
            probes=claim.entry.probes + 1,
            lost_answers=claim.entry.lost_answers,
            probe_after=context.push_timing.probe_after,
        )
        return _settle(context, claim, verdict, reason=claim.entry.reason or _NOT_FOUND, probed=True)
    return _settle(context, claim, Verdict(OutboxState.SENT), external_id=external_id, probed=claim.probe)


def _claim(context: Context, account_id: UUID, outbox_id: int) -> Claim | None:
    """Commit `sending` with the exact bytes, or a probe's lease, before any call is made.

    The row lock closes the race of two workers with the same hint; the second finds the lease running.
    """
    with context.uow.begin(account_id, at=Commit.SENDING) as tx:
        entry = tx.session.get(OutboxRow, outbox_id, with_for_update=True)
        if entry is None:
            raise routing.unknown(OutboxRow, outbox_id)
        if entry.state not in _OPEN or entry.next_attempt_at > tx.now or _earlier_open(tx, entry):
            return None
        connection = tx.session.get_one(ConnectionRow, entry.connection_id)
        _ = connection.secrets  # loaded here, since the row outlives the transaction
        provider = context.providers[connection.provider]
        ticket_id = tx.session.get_one(TicketRow, entry.ticket_id).external_id
        repeatable = provider.repeatable or entry.kind == OutboxKind.STATUS
        open_link(context, connection)  # fails here, before anything is promised, where no key fits
        probe = entry.state != OutboxState.PENDING and not repeatable
        claim = Claim(entry, connection, ticket_id, repeatable, probe)
        entry.lost_answers += int(entry.state == OutboxState.SENDING)  # whoever had it died with it
        if repeatable and entry.lost_answers >= MAX_LOST_ANSWERS:
            entry.state, entry.reason = OutboxState.PARKED.value, "its worker died every time it was sent"
            return None
        if not probe:
            _freeze(context, claim)
            entry.attempts += 1
            entry.sending_at = tx.now
        entry.state = (OutboxState.UNKNOWN if probe else OutboxState.SENDING).value
        entry.next_attempt_at = tx.now + context.push_timing.sending_lease
        return claim


def _put_off(context: Context, account_id: UUID, outbox_id: int, error: ConfigurationError) -> Pushed:
    """Say on the entry what must be mended first, and look again later."""
    with context.uow.begin(account_id) as tx:
        entry = tx.session.get_one(OutboxRow, outbox_id, with_for_update=True)
        entry.reason = str(error)
        entry.next_attempt_at = tx.now + _PROBE_RETRY
        return Pushed(entry.id, OutboxState(entry.state))


def _earlier_open(tx: Transaction, entry: OutboxRow) -> bool:
    """Return whether an earlier entry of the ticket is not settled yet: a ticket is told things in order.

    A parked one holds the rest of its own walk: no ticket is closed before its summary stands in it.
    """
    parked_of_walk = and_(OutboxRow.state == OutboxState.PARKED, OutboxRow.session_id == entry.session_id)
    query = select(OutboxRow.id).where(
        OutboxRow.ticket_id == entry.ticket_id,
        OutboxRow.id < entry.id,
        or_(OutboxRow.state.in_(_OPEN), parked_of_walk),
    )
    return tx.session.scalars(query.limit(1)).one_or_none() is not None


def _freeze(context: Context, claim: Claim) -> None:
    """Make the request's bytes once; every attempt sends the same."""
    entry = claim.entry
    if entry.kind == OutboxKind.NOTE and entry.request_body is None:
        client = context.providers[claim.connection.provider].client(open_link(context, claim.connection))
        entry.request_body = client.prepare_note(_note(claim))


def _send(client: PsaClient, claim: Claim) -> str | None:
    if claim.entry.kind == OutboxKind.STATUS:
        client.set_status(claim.external_ticket_id, claim.entry.content["status"])
        return None
    assert claim.entry.request_body is not None  # frozen when claimed
    return client.send_note(_note(claim), claim.entry.request_body)


def _probe(client: PsaClient, claim: Claim) -> str | None:
    """Return the id of the note that carries the entry's marker. Two of them are an incident, shown."""
    found = client.find_note(claim.external_ticket_id, claim.entry.marker)
    if len(found) > 1:
        log.error("summary stands twice", outbox_id=claim.entry.id, notes=len(found))
    return found[0] if found else None


def _failed(context: Context, claim: Claim, error: CallError) -> Pushed:
    if claim.probe:
        if isinstance(error, RejectedError):
            reason = f"it is unknown whether it was sent, and the ticket cannot be searched: {error}"
            return _settle(context, claim, Verdict(OutboxState.PARKED), reason=reason, probed=True)
        # a failed look says nothing about the write: look again later, and never send on it
        wait = error.retry_after if isinstance(error, ThrottledError) else _PROBE_RETRY
        return _settle(context, claim, Verdict(OutboxState.UNKNOWN, wait), reason=str(error))
    failure = _failure(error)
    verdict = after_failure(
        failure,
        attempts=claim.entry.attempts,
        lost_answers=claim.entry.lost_answers + int(failure is Failure.AMBIGUOUS),
        repeatable=claim.repeatable,
        probe_after=context.push_timing.probe_after,
        retry_after=error.retry_after if isinstance(error, ThrottledError) else None,
    )
    return _settle(context, claim, verdict, reason=str(error), failure=failure)


#: Shown of an entry whose worker died, where the write itself left no words.
_NOT_FOUND = "no answer came, and the ticket has no note with its marker"
#: Wait after a search for the marker that failed, e.g. while the PSA is down.
_PROBE_RETRY = timedelta(seconds=30)


def _failure(error: CallError) -> Failure:
    if isinstance(error, RejectedError):
        return Failure.REJECTED
    if isinstance(error, ThrottledError):
        return Failure.THROTTLED
    return Failure.AMBIGUOUS if isinstance(error, AmbiguousError) else Failure.UNREACHABLE


def _settle(
    context: Context,
    claim: Claim,
    verdict: Verdict,
    *,
    external_id: str | None = None,
    reason: str | None = None,
    failure: Failure | None = None,
    probed: bool = False,
) -> Pushed:
    """Commit what came of the attempt, and wake the next entry of the ticket."""
    with context.uow.begin(claim.entry.account_id, at=Commit.CONFIRMATION) as tx:
        entry = tx.session.get_one(OutboxRow, claim.entry.id, with_for_update=True)
        if (entry.next_attempt_at, entry.state) != (claim.entry.next_attempt_at, claim.entry.state):
            # the lease ran out and another worker has the entry, or a person gave it up: their word counts
            return Pushed(entry.id, OutboxState(entry.state), entry.external_id)
        entry.state = verdict.state.value
        entry.reason = reason
        entry.external_id = external_id or entry.external_id
        entry.lost_answers += int(failure is Failure.AMBIGUOUS)
        if verdict.state is OutboxState.PENDING or failure not in (None, Failure.AMBIGUOUS):
            entry.sending_at = None
        entry.probes = 0 if verdict.state is OutboxState.PENDING else entry.probes + int(probed)
        entry.attempts -= int(not verdict.spends_attempt and not claim.probe)
        entry.next_attempt_at = tx.now + (verdict.again_after or timedelta(0))
        entry.sent_at = tx.now if verdict.state is OutboxState.SENT else None
        _hint_next(tx, entry, claim)
        result = Pushed(entry.id, verdict.state, entry.external_id)
    _report(claim, verdict, reason, entry.next_attempt_at)
    return result


def _hint_next(tx: Transaction, entry: OutboxRow, claim: Claim) -> None:
    if entry.state in _OPEN and entry.next_attempt_at > tx.now:
        return
    query = select(OutboxRow.id).where(OutboxRow.ticket_id == entry.ticket_id, OutboxRow.state.in_(_OPEN))
    tx.session.flush()
    for outbox_id in tx.session.scalars(query.order_by(OutboxRow.id).limit(1)):
        tx.hint(
            "psa.push",
            outbox_id=outbox_id,
            account_id=str(entry.account_id),
            ticket=claim.external_ticket_id,
            session=str(entry.session_id),
        )


def _report(claim: Claim, verdict: Verdict, reason: str | None, again_at: datetime) -> None:
    fields = {
        "outbox_id": claim.entry.id,
        "state": verdict.state.value,
        "session_id": str(claim.entry.session_id),
    }
    if reason is None:
        log.info("entry pushed", **fields)
    else:
        log.warning("entry not pushed", **fields, reason=reason, again_at=again_at.isoformat())


def _as_it_stands(context: Context, account_id: UUID, outbox_id: int) -> Pushed:
    with context.uow.begin(account_id) as tx:
        entry = tx.session.get_one(OutboxRow, outbox_id)
        return Pushed(entry.id, OutboxState(entry.state), entry.external_id)


def _note(claim: Claim) -> NotePush:
    entry = claim.entry
    return NotePush(
        entry_id=f"tw-{entry.session_id}-{entry.part}",
        ticket_id=claim.external_ticket_id,
        purpose=NotePurpose(entry.purpose),
        text=entry.content["text"],
        document=entry.content["document"],
    )
