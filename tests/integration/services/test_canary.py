"""Liveness by what was drained, not by a process that answers."""

from worker.services import canary


def test_the_age_of_the_newest_canary_is_told_by_queue(world):
    canary.drained(world.context, "psa")
    world.rows("UPDATE canary SET drained_at = drained_at - interval '1 minute'")
    canary.drained(world.context, "commands")
    ages = canary.ages(world.context)
    assert 60 <= ages["psa"] < 120
    assert ages["commands"] < 60
    world.rows("DELETE FROM canary")
