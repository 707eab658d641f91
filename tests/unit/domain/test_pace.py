"""The spacing of calls keeps any window of time within the limit, and uses nearly all of it."""

from datetime import timedelta

import pytest

from worker.domain.pace import CallLimit, hourly, slot_from

LIMITS = [1, 2, 10, 33, 60, 99, 100, 180, 250, 999, 1000, 6000]


def slots(limit, arrivals):
    """Return when each of the calls may go that ask at these times."""
    free_at, given = arrivals[0], []
    for now in arrivals:
        slot = slot_from(free_at, now=now, limit=limit)
        free_at = slot + limit.interval.total_seconds()
        given.append(max(slot, now))
    return given


def most_in_any_window(moments, seconds):
    """Return the largest number of moments within so many seconds, both ends counted."""
    most = first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] > seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize("calls", LIMITS)
def test_no_window_sees_more_than_the_limit_when_everybody_asks_at_once(calls):
    limit = CallLimit(calls)
    given = slots(limit, [0.0] * (3 * calls))
    assert most_in_any_window(given, 60) <= calls


@pytest.mark.parametrize("calls", LIMITS)
def test_no_window_sees_more_than_the_limit_when_slots_were_left_and_made_up_for(calls):
    limit = CallLimit(calls)
    idle_then_busy = [0.0, *[59.9] * (2 * calls), *[121.0] * calls]
    assert most_in_any_window(slots(limit, idle_then_busy), 60) <= calls


@pytest.mark.parametrize("calls", [60, 100, 1000])
def test_nearly_all_of_a_limit_is_used(calls):
    limit = CallLimit(calls)
    given = slots(limit, [0.0] * (10 * calls))
    assert len(given) / (given[-1] / 60) >= 0.95 * calls


def test_an_hours_limit_is_spread_over_its_minutes():
    assert hourly(2_400) == CallLimit(40, timedelta(minutes=1))


def test_workers_that_know_nothing_of_each_other_share_the_limit():
    assert CallLimit(100).shared_by(4) == CallLimit(25)


@pytest.mark.parametrize("calls", [0, -1])
def test_a_limit_of_nothing_is_refused(calls):
    with pytest.raises(Exception, match="above 0"):
        CallLimit(calls)
