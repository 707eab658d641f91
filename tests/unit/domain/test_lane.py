"""The order of one ticket's commands."""

from datetime import UTC, datetime, timedelta

import pytest

from worker.domain.lane import InSequence, Pending, limit_of, place_in_sequence, retry_at, spent, turn_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FAILED = 1
LATER = NOON + timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("pending", "turn"),
    [
        ([], []),
        ([(1, 0, NOON), (2, 0, NOON)], [1, 2]),
        ([(1, 0, LATER), (2, 0, NOON)], []),
        ([(1, 0, NOON), (2, 0, LATER), (3, 0, NOON)], [1]),
        ([(1, 2, LATER), (2, 0, NOON)], []),
        ([(1, 1, NOON, FAILED), (2, 0, NOON)], [1]),
        ([(1, 0, NOON), (2, 1, NOON, FAILED), (3, 0, NOON)], [1]),
        ([(1, 1, NOON), (2, 1, NOON, FAILED), (3, 0, NOON)], [1]),
        ([(1, 1, NOON), (2, 1, NOON), (3, 0, NOON)], [1, 2, 3]),
        ([(1, 0, NOON), (2, 1, NOON), (3, 0, NOON)], [1]),
        ([(1, 1, NOON), (2, 2, NOON)], [1]),
    ],
)
def test_a_turn_is_the_due_head_of_the_lane_and_what_failed_by_itself_goes_alone(pending, turn):
    assert [command.command_id for command in turn_of([Pending(*row) for row in pending], now=NOON)] == turn


@pytest.mark.parametrize(("claims", "taken"), [(0, 50), (1, 10), (2, 3), (3, 1), (4, 1), (11, 1)])
def test_a_turn_is_smaller_each_time_its_worker_died(claims, taken):
    lane = [Pending(number, claims, NOON) for number in range(60)]
    assert turn_of(lane, now=NOON) == lane[:taken]
    assert turn_of(lane, now=NOON, limit=2) == lane[: min(2, taken)]


def test_a_command_that_lost_twelve_workers_is_spent():
    assert spent([Pending(1, 11, NOON), Pending(2, 12, NOON), Pending(3, 13, NOON)]) == [2, 3]


@pytest.mark.parametrize(
    ("lost", "failures", "limit"), [(0, 0, 50), (1, 0, 10), (2, 0, 3), (3, 0, 1), (0, 1, 1), (1, 4, 1)]
)
def test_what_failed_or_lost_workers_releases_few_that_waited_for_it(lost, failures, limit):
    assert limit_of(Pending(1, lost, NOON, failures)) == limit


@pytest.mark.parametrize(("failures", "seconds"), [(0, 1), (1, 1), (2, 2), (3, 4), (4, 8)])
def test_the_wait_doubles_with_every_failure(failures, seconds):
    assert retry_at(failures=failures, now=NOON) == NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("sequence", "last", "received_seconds_ago", "place"),
    [
        (1, 0, 0, InSequence.NEXT),
        (4, 3, 0, InSequence.NEXT),
        (4, 3, 99, InSequence.NEXT),
        (5, 3, 0, InSequence.TOO_EARLY),
        (5, 3, 29.9, InSequence.TOO_EARLY),
        (5, 3, 30, InSequence.OVERDUE),
        (3, 3, 0, InSequence.LATE),
        (1, 3, 99, InSequence.LATE),
        (1, None, 0, InSequence.TOO_EARLY),
        (1, None, 30, InSequence.OVERDUE),
    ],
)
def test_a_number_is_next_early_overdue_or_late(sequence, last, received_seconds_ago, place):
    received = NOON - timedelta(seconds=received_seconds_ago)
    assert place_in_sequence(sequence, last_sequence=last, received_at=received, now=NOON) is place
