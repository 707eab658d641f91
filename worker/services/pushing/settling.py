"""Commit what came of an attempt, and wake whoever is next."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select

from integrations.errors import AmbiguousError, CallError, RejectedError, ThrottledError
from worker.crash_points import Commit
from worker.db.models import OutboxRow, TicketRow
from worker.db.unit_of_work import Transaction
from worker.domain.outbox import Failure, Verdict, after_failure, after_probe
from worker.domain.words import OutboxState
from worker.services.admission import heard
from worker.services.context import Context
from worker.services.hinting import hint_entry
from worker.services.pushing.claims import Claim, Step
from worker.services.pushing.order import OPEN, is_held_back

log = structlog.get_logger()

#: Shown of an entry whose worker died, where the write itself left no words.
NOT_FOUND = "no answer came, and the ticket has nothing with its marker"
#: Wait after a search for the marker that failed, e.g. while the PSA is down.
LOOK_AGAIN = timedelta(seconds=30)
#: One of so many due entries is woken when a call is over: workers that end at the same moment wake
#: different ones.
WOKEN_FROM = 20


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did to its entry."""

    outbox_id: int
    state: OutboxState
    external_id: str | None = None


def prepared(context: Context, claim: Claim, body: bytes) -> None:
    """Keep the bytes that will be sent; the entry may be claimed again at once."""
    with context.uow.begin(claim.entry.account_id) as tx:
        entry = tx.session.get_one(OutboxRow, claim.entry.id, with_for_update=True)
        if not _is_still_ours(entry, claim):
            return
        entry.request_body = body
        entry.attempts -= 1
        entry.next_attempt_at = tx.now
        heard(tx, claim.admission, None)


def sent(context: Context, claim: Claim, external_id: str | None) -> Pushed:
    """The PSA has it."""
    return _settle(context, claim, Verdict(OutboxState.SENT), external_id=external_id)


def not_found(context: Context, claim: Claim) -> Pushed:
    """The ticket was searched, and nothing in it carries the marker."""
    verdict = after_probe(
        found=False,
        probes=claim.entry.probes + 1,
        lost_answers=claim.entry.lost_answers,
        probe_after=context.push_timing.probe_after,
    )
    return _settle(context, claim, verdict, reason=claim.entry.reason or NOT_FOUND)


def failed(context: Context, claim: Claim, error: CallError) -> Pushed:
    """A call did not succeed."""
    if claim.step is Step.PROBE:
        if isinstance(error, RejectedError):
            reason = f"it is unknown whether it was sent, and the ticket cannot be searched: {error}"
            return _settle(context, claim, Verdict(OutboxState.PARKED), reason=reason, error=error)
        # a failed look says nothing about the write: look again later, and never send on it
        wait = error.retry_after if isinstance(error, ThrottledError) else LOOK_AGAIN
        return _settle(
            context, claim, Verdict(OutboxState.UNKNOWN, wait), reason=str(error), error=error, looked=False
        )
    failure = _failure(error)
    verdict = after_failure(
        failure,
        attempts=claim.entry.attempts,
        lost_answers=claim.entry.lost_answers + int(failure is Failure.AMBIGUOUS),
        repeatable=claim.repeatable or claim.step is Step.PREPARE,
        probe_after=context.push_timing.probe_after,
        retry_after=error.retry_after if isinstance(error, ThrottledError) else None,
    )
    return _settle(context, claim, verdict, reason=str(error), error=error)


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
    error: CallError | None = None,
    looked: bool = True,
) -> Pushed:
    failure = _failure(error) if error and claim.step is not Step.PROBE else None
    with context.uow.begin(claim.entry.account_id, at=Commit.CONFIRMATION) as tx:
        entry = tx.session.get_one(OutboxRow, claim.entry.id, with_for_update=True)
        ours = _is_still_ours(entry, claim)
        if ours:
            entry.state = verdict.state.value
            entry.reason = reason
            entry.external_id = external_id or entry.external_id
            entry.lost_answers += int(failure is Failure.AMBIGUOUS)
            if verdict.state is OutboxState.PENDING or failure not in (None, Failure.AMBIGUOUS):
                entry.sending_at = None
            probed = claim.step is Step.PROBE and looked
            entry.probes = 0 if verdict.state is OutboxState.PENDING else entry.probes + int(probed)
            entry.attempts -= int(not verdict.spends_attempt and claim.step is not Step.PROBE)
            entry.next_attempt_at = tx.now + (verdict.again_after or timedelta(0))
            entry.sent_at = tx.now if verdict.state is OutboxState.SENT else None
            entry.parked_at = tx.now if verdict.state is OutboxState.PARKED else None
            _hint_next(tx, entry, claim)
        if error is None:
            _hint_another_ticket(tx, entry)
        heard(tx, claim.admission, error)
    if ours:
        _report(claim, verdict, reason, entry.next_attempt_at)
    return Pushed(entry.id, OutboxState(entry.state), entry.external_id)


def _is_still_ours(entry: OutboxRow, claim: Claim) -> bool:
    """Whether the lease is ours still; else another worker has the entry, or a person gave it up."""
    return (entry.next_attempt_at, entry.state) == (claim.entry.next_attempt_at, claim.entry.state)


def _hint_next(tx: Transaction, entry: OutboxRow, claim: Claim) -> None:
    """Wake the next entry of the ticket."""
    if entry.state in OPEN and entry.next_attempt_at > tx.now:
        return
    query = select(OutboxRow).where(OutboxRow.ticket_id == entry.ticket_id, OutboxRow.state.in_(OPEN))
    tx.session.flush()
    for following in tx.session.scalars(query.order_by(OutboxRow.id).limit(1)):
        _hint(tx, following, claim.external_ticket_id)


def _hint_another_ticket(tx: Transaction, entry: OutboxRow) -> None:
    """Give this call's place to another ticket of the connection: none is idle until the next sweep."""
    due = (
        select(OutboxRow)
        .where(
            OutboxRow.account_id == entry.account_id,
            OutboxRow.connection_id == entry.connection_id,
            OutboxRow.ticket_id != entry.ticket_id,
            OutboxRow.state.in_(OPEN),
            OutboxRow.next_attempt_at <= tx.now,
            ~is_held_back(),
        )
        .order_by(OutboxRow.id)
        .limit(WOKEN_FROM)
        .subquery()
    )
    query = (
        select(OutboxRow, TicketRow.external_id)
        .join(due, due.c.id == OutboxRow.id)
        .join(TicketRow, TicketRow.id == OutboxRow.ticket_id)
        .order_by(func.random())
        .limit(1)
    )
    for another, ticket in tx.session.execute(query):
        _hint(tx, another, ticket)


def _hint(tx: Transaction, entry: OutboxRow, ticket: str) -> None:
    hint_entry(tx, entry.id, account_id=entry.account_id, ticket=ticket, session_id=entry.session_id)


def _report(claim: Claim, verdict: Verdict, reason: str | None, again_at: datetime) -> None:
    fields = {
        "outbox_id": claim.entry.id,
        "state": verdict.state.value,
        "session_id": str(claim.entry.session_id),
    }
    if reason is None:
        log.info("entry pushed", **fields)
    elif verdict.state is OutboxState.PARKED:
        log.error("entry parked", **fields, reason=reason)
    else:
        log.warning("entry not pushed", **fields, reason=reason, again_at=again_at.isoformat())
