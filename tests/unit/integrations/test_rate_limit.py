"""A simulator's limit of calls in any 60 seconds."""

import pytest

from integrations.simulation.rate_limit import RateLimit


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_without_a_limit_every_call_goes(clock):
    assert [RateLimit(clock).take() for _ in range(1000)] == [0] * 1000


def test_a_call_beyond_the_limit_waits_until_the_oldest_is_a_minute_old(clock):
    limit = RateLimit(clock)
    limit.allow(2)
    taken = [limit.take()]
    clock.now += 10.5
    taken += [limit.take(), limit.take()]
    assert taken == [0, 0, 50]
    clock.now += 49.5
    assert [limit.take(), limit.take()] == [0, 11]


def test_a_refused_call_takes_no_place(clock):
    limit = RateLimit(clock)
    limit.allow(1)
    assert [limit.take() for _ in range(50)] == [0] + [60] * 49
    clock.now += 60
    assert limit.take() == 0


def test_no_call_at_all_may_be_allowed_and_everything_again(clock):
    limit = RateLimit(clock)
    limit.allow(0)
    assert limit.take() == 60
    limit.allow(None)
    assert limit.take() == 0
