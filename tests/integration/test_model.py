"""Whatever comes in whatever order, and wherever a worker dies: the store agrees with a simple model."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.stored_ticket import DeathError
from tests.integration.walking import Walking
from worker.crash_points import CrashPoint
from worker.domain.lane import MAX_LOST, SEQUENCE_WAIT
from worker.domain.words import CommandType
from worker.services import settling
from worker.services.carrying import command_by_hand
from worker.services.filing import file_request

pytestmark = pytest.mark.integration


@pytest.fixture
def unhurried(world: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A world in which nothing is due before the test says so."""
    monkeypatch.setattr(settling, "_LOOK_AGAIN", timedelta(hours=1))
    object.__setattr__(world.context, "note_quiet_period", timedelta(hours=1))
    object.__setattr__(world.context, "note_max_wait", timedelta(hours=2))
    return world


@pytest.mark.timeout(900)  # seconds: a failure is made smaller before it is told
def test_any_interleaving_comes_to_what_the_model_says(unhurried, trap, lost_answer):
    class Here(Walking):
        world = unhurried

    Here.trap, Here.lost_answer = trap, lost_answer
    bounded = settings(max_examples=50, stateful_step_count=25, deadline=None, print_blob=True)
    run_state_machine_as_test(Here, settings=bounded)


def test_waiting_commands_that_are_given_up_together_are_applied_once_each(world):
    session = world.started("flow")
    for number, node in ((2, "link"), (3, "ping")):
        step = {"session": session, "node_id": node, "answer": "yes", "sequence": number}
        file_request(world.context, command_by_hand(CommandType.RECORD_STEP, step, default_key=node))
    world.apply()
    assert world.rows("SELECT count(*) FROM walk_step") == [0]
    world.rows(
        "UPDATE command SET received_at = received_at - :wait, next_attempt_at = now()", wait=SEQUENCE_WAIT
    )
    world.apply()
    assert world.rows("SELECT state FROM command ORDER BY position") == ["applied"] * 3
    assert world.rows("SELECT node_id FROM walk_step ORDER BY position") == ["link", "ping"]


def test_a_command_that_kills_its_worker_each_time_is_parked_and_its_ticket_goes_on(world, trap):
    session = world.started("flow")
    for node in ("link", "ping"):
        address = {"session": session, "node_id": node, "answer": "yes"}
        file_request(world.context, command_by_hand(CommandType.RECORD_STEP, address, default_key=node))
    for _ in range(MAX_LOST):
        trap.point = CrashPoint.LANE_BEFORE_COMMIT
        with pytest.raises(DeathError):
            world.apply()
        world.rows("UPDATE command SET next_attempt_at = now() WHERE state = 'pending'")
    world.apply()
    assert world.rows("SELECT state FROM command ORDER BY position") == ["applied", "parked", "applied"]
    assert world.rows("SELECT node_id FROM walk_step") == ["ping"]
