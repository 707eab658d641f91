"""How often a program may die before its supervisor gives up."""

from worker.runtime.restarts import Restarts


def test_each_death_in_a_row_waits_twice_as_long_and_the_sixth_is_the_last():
    restarts = Restarts()

    pauses = [restarts.pause_after_death(now) for now in range(6)]

    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, None]


def test_a_death_of_a_minute_ago_is_forgotten():
    restarts = Restarts()
    for now in range(5):
        restarts.pause_after_death(now)

    assert restarts.pause_after_death(61.5) == 4.0
