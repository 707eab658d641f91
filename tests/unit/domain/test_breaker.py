"""When a connection rests, and for how long."""

from datetime import UTC, datetime, timedelta

import pytest

from worker.domain.breaker import OPENS_AFTER, Standing, rest
from worker.domain.outbox import backoff

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, None), (4, None), (5, 15), (6, 30), (7, 60), (8, 120), (9, 240), (10, 300), (1000, 300)],
)
def test_rests_grow_to_five_minutes(failures, seconds):
    assert rest(failures) == (None if seconds is None else timedelta(seconds=seconds))


def test_an_entry_that_always_fails_waits_longer_than_its_connection_rests_so_another_is_the_next_trial():
    for failures in range(OPENS_AFTER, 200):
        resting = rest(failures)
        assert resting is not None
        assert backoff(failures) > resting


@pytest.mark.parametrize(
    ("paused_until", "until"),
    [
        (None, None),
        (NOW, None),
        (NOW - timedelta(seconds=1), None),
        (NOW + timedelta(seconds=1), NOW + timedelta(seconds=1)),
    ],
)
def test_a_pause_holds_to_the_second(paused_until, until):
    assert Standing(0, paused_until).pause_at(NOW) == until
