"""A bucket gives what it has saved up, then what comes in."""

import pytest

from worker.receiver import rates as module
from worker.receiver.rates import Rates


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rates(clock: Clock) -> Rates:
    return Rates(2, burst=3, clock=clock)


def test_a_burst_is_taken_and_then_the_wait_is_told(rates):
    assert [rates.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_tokens_come_back_with_time_and_never_beyond_the_burst(rates, clock):
    for _ in range(3):
        rates.take("a")
    clock.now = 0.5
    assert [rates.take("a") for _ in range(2)] == [0, 0.5]
    clock.now = 1_000
    assert [rates.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_each_key_has_its_own(rates):
    for _ in range(4):
        rates.take("a")
    assert rates.take("b") == 0


def test_full_buckets_make_room_and_the_others_keep_what_they_spent(rates, clock, monkeypatch):
    monkeypatch.setattr(module, "MAX_BUCKETS", 2)
    for _ in range(3):
        rates.take("spent")
    rates.take("rested")
    clock.now = 0.5
    rates.take("new")
    assert set(rates._buckets) == {"spent", "new"}
    assert rates.take("spent") == 0
    assert rates.take("spent") == 0.5
