"""What becomes of an outbox entry after an attempt: a pure decision, tested as a table."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from worker.domain.words import OutboxState

#: A worker that holds an entry longer than this is taken for dead. Longer than any call's time-outs together.
SENDING_LEASE = timedelta(seconds=120)
#: How long the PSA may still be working on a write whose answer was lost, before we look for it.
#: ConnectWise was seen to finish a POST minutes later (tier2tickets/feedback#66); 30 s is its own time-out.
PROBE_AFTER = timedelta(seconds=30)
#: How often a write whose answer was lost is looked for, and not found, before it is sent again.
PROBES_BEFORE_RESEND = 2
#: Times that nobody could say whether a write was done, before a person is asked.
MAX_LOST_ANSWERS = 8
#: Times a PSA that is away is tried before a person is asked: with the back-off that is about a day.
MAX_UNREACHABLE = 150
FIRST_BACKOFF = timedelta(seconds=2)
MAX_BACKOFF = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class PushTiming:
    """How long it may stay open whether a write was done. Shorter only where a test knows its PSA."""

    sending_lease: timedelta = SENDING_LEASE
    probe_after: timedelta = PROBE_AFTER


class Failure(StrEnum):
    """How a call to a PSA failed. Only AMBIGUOUS leaves open whether it was done."""

    REJECTED = "rejected"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The next state of an entry, and when to look at it again."""

    state: OutboxState
    again_after: timedelta | None = None
    spends_attempt: bool = True


def backoff(attempts: int) -> timedelta:
    """Return the wait before the next try: 2 s doubled per attempt, at most 10 minutes."""
    return min(FIRST_BACKOFF * (1 << min(attempts, 10)), MAX_BACKOFF)


def after_failure(
    failure: Failure,
    *,
    attempts: int,
    lost_answers: int,
    repeatable: bool,
    probe_after: timedelta,
    retry_after: timedelta | None = None,
) -> Verdict:
    """Decide from the kind of failure. `repeatable`: the receiver drops repeats, so unknown is sent again."""
    if failure is Failure.REJECTED:
        return Verdict(OutboxState.PARKED)
    if failure is Failure.THROTTLED:
        return Verdict(OutboxState.PENDING, retry_after or backoff(attempts), spends_attempt=False)
    if failure is Failure.AMBIGUOUS and not repeatable:
        return Verdict(OutboxState.UNKNOWN, probe_after)
    if attempts >= MAX_UNREACHABLE or lost_answers >= MAX_LOST_ANSWERS:
        return Verdict(OutboxState.PARKED)
    return Verdict(OutboxState.PENDING, backoff(attempts))


def after_probe(*, found: bool, probes: int, lost_answers: int, probe_after: timedelta) -> Verdict:
    """Decide after looking for the mark: found is sent; absent twice is sent again, some times."""
    if found:
        return Verdict(OutboxState.SENT)
    if probes < PROBES_BEFORE_RESEND:
        return Verdict(OutboxState.UNKNOWN, probe_after)
    if lost_answers >= MAX_LOST_ANSWERS:
        return Verdict(OutboxState.PARKED)
    return Verdict(OutboxState.PENDING, timedelta(0), spends_attempt=False)
