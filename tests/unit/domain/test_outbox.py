"""What becomes of an outbox entry."""

from datetime import timedelta

import pytest

from worker.domain.outbox import Failure, Verdict, after_failure, after_probe, backoff
from worker.domain.words import OutboxState

PARKED = Verdict(OutboxState.PARKED)


def again(seconds: float, *, spends: bool = True) -> Verdict:
    return Verdict(OutboxState.PENDING, timedelta(seconds=seconds), spends)


PROBE_AFTER = timedelta(seconds=31)
UNKNOWN = Verdict(OutboxState.UNKNOWN, PROBE_AFTER)


@pytest.mark.parametrize(
    ("failure", "attempts", "lost_answers", "repeatable", "verdict"),
    [
        (Failure.REJECTED, 1, 0, False, PARKED),
        (Failure.REJECTED, 1, 0, True, PARKED),
        (Failure.UNREACHABLE, 1, 0, False, again(4)),
        (Failure.UNREACHABLE, 7, 0, False, again(256)),
        (Failure.UNREACHABLE, 149, 0, False, again(600)),
        (Failure.UNREACHABLE, 150, 0, False, PARKED),
        (Failure.AMBIGUOUS, 1, 1, False, UNKNOWN),
        (Failure.AMBIGUOUS, 99, 8, False, UNKNOWN),
        (Failure.AMBIGUOUS, 1, 1, True, again(4)),
        (Failure.AMBIGUOUS, 99, 7, True, again(600)),
        (Failure.AMBIGUOUS, 8, 8, True, PARKED),
        (Failure.THROTTLED, 1, 0, False, again(4, spends=False)),
        (Failure.THROTTLED, 99, 0, False, again(600, spends=False)),
    ],
)
def test_only_a_lost_answer_leaves_open_whether_it_was_done(
    failure, attempts, lost_answers, repeatable, verdict
):
    found = after_failure(
        failure,
        attempts=attempts,
        lost_answers=lost_answers,
        repeatable=repeatable,
        probe_after=PROBE_AFTER,
    )
    assert found == verdict


def test_the_psa_says_how_long_to_wait():
    told = after_failure(
        Failure.THROTTLED,
        attempts=1,
        lost_answers=0,
        repeatable=False,
        probe_after=PROBE_AFTER,
        retry_after=timedelta(seconds=17),
    )
    assert told == again(17, spends=False)


@pytest.mark.parametrize(
    ("found", "probes", "lost_answers", "verdict"),
    [
        (True, 1, 1, Verdict(OutboxState.SENT)),
        (True, 2, 8, Verdict(OutboxState.SENT)),
        (False, 1, 1, UNKNOWN),
        (False, 1, 8, UNKNOWN),
        (False, 2, 1, again(0, spends=False)),
        (False, 2, 7, again(0, spends=False)),
        (False, 2, 8, PARKED),
    ],
)
def test_a_note_that_is_absent_twice_is_sent_again_within_bounds(found, probes, lost_answers, verdict):
    told = after_probe(found=found, probes=probes, lost_answers=lost_answers, probe_after=PROBE_AFTER)
    assert told == verdict


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 2), (1, 4), (8, 512), (9, 600), (1_000, 600)])
def test_the_wait_doubles_up_to_ten_minutes(attempts, seconds):
    assert backoff(attempts) == timedelta(seconds=seconds)
