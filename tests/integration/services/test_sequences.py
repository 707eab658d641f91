"""Sequence numbers make the order of arrival irrelevant."""

from typing import Any

import pytest
import structlog

from tests.integration.services.commands import breaks, file_only
from tests.integration.stored_ticket import DeathError
from worker.crash_points import CrashPoint
from worker.domain.lane import MAX_FAILURES
from worker.services.lanes import drain, take_turn

pytestmark = pytest.mark.integration

STEP: dict[str, Any] = {"node_id": "link", "answer": "yes"}


def step(world, session, sequence, **more: Any) -> dict[str, Any]:
    result = world.do("step.record", session=session, sequence=sequence, **{**STEP, **more})
    return dict(result)


def notes(world):
    return world.rows("SELECT l1_note FROM walk_step ORDER BY position")


def age(world, seconds):
    """Let the pending commands have been received so long ago."""
    world.rows(
        "UPDATE command SET received_at = received_at - make_interval(secs => :s), "
        "next_attempt_at = next_attempt_at - make_interval(secs => :s) WHERE state = 'pending'",
        s=seconds,
    )


def test_steps_that_arrive_in_reverse_are_applied_in_their_order(world):
    session = world.started("flow")
    for number in (4, 3, 2):
        waiting = step(world, session, number, note=str(number))
        assert (waiting["outcome"], waiting["reason"]) == ("waiting", "an earlier sequence number")
    assert step(world, session, 1, note="1")["outcome"] == "applied"
    assert notes(world) == ["1", "2", "3", "4"]
    assert world.walk(session, "last_sequence") == 4


def test_more_than_a_turn_of_waiting_steps_is_applied_without_waiting_for_their_time_out(world):
    session = world.started("flow")
    for number in range(60, 1, -1):
        step(world, session, number, note=str(number))
    step(world, session, 1, note="1")
    drain(world.context, world.lane())
    assert notes(world) == [str(number) for number in range(1, 61)]


@pytest.mark.parametrize("start", [{}, {"sequence": 1}])
def test_a_step_that_arrives_before_the_start_is_applied_after_it(world, start):
    first = 1 + len(start)
    result = world.do("step.record", connection=world.home_tenant.psa, ticket="100", sequence=first, **STEP)
    assert result["outcome"] == "waiting"
    session = world.started("flow", **start)
    assert world.walk(session, "step_count, last_sequence") == (1, first)


def test_what_waited_for_a_number_answers_for_its_own_failures(world, monkeypatch):
    """The one before it settles with it in one turn, and is not to be held or parked in its place."""
    session = world.started("flow")
    breaks(world, monkeypatch, times=99)
    world.do("step.withdraw", session=session, sequence=2)
    assert step(world, session, 1, note="1")["outcome"] == "applied"
    for failures in range(1, MAX_FAILURES + 1):
        drain(world.context, world.lane())
        assert world.rows("SELECT failures FROM command WHERE type = 'step.withdraw'") == [failures]
        world.rows("UPDATE command SET next_attempt_at = now() WHERE state = 'pending'")
    assert world.rows("SELECT state, failures FROM command WHERE type LIKE 'step%' ORDER BY sequence") == [
        ("applied", 0),
        ("parked", MAX_FAILURES),
    ]


def test_what_waited_for_the_number_of_one_that_lost_its_workers_is_claimed_by_itself(world):
    session = world.started("flow")
    step(world, session, 2, note="2")
    file_only(world, "step.record", session=session, sequence=1, note="1", **STEP)
    world.rows("UPDATE command SET attempts = 3 WHERE sequence = 1")
    assert take_turn(world.context, world.lane()).settled == 1
    assert notes(world) == ["1"]
    claimed = "SELECT attempts, next_attempt_at <= now() FROM command WHERE sequence = 2"
    assert world.rows(claimed) == [(0, True)]
    assert take_turn(world.context, world.lane()).settled == 1
    assert notes(world) == ["1", "2"]


def test_one_whose_wait_was_over_when_its_worker_died_is_not_overtaken(world, trap):
    session = world.started("flow")
    step(world, session, 2, note="2")
    age(world, 30)
    trap.point = CrashPoint.LANE_CLAIMED
    with pytest.raises(DeathError):
        drain(world.context, world.lane())
    late = world.do("step.record", session=session, note="late", **STEP)
    assert late["outcome"] == "waiting"
    world.rows("UPDATE command SET next_attempt_at = now() WHERE state = 'pending'")
    drain(world.context, world.lane())
    assert notes(world) == ["2", "late"]


def test_one_that_fails_when_its_wait_is_over_is_not_overtaken(world, monkeypatch):
    session = world.started("flow")
    step(world, session, 1, note="1")
    world.do("step.withdraw", session=session, sequence=3)
    age(world, 30)
    breaks(world, monkeypatch, times=1)
    drain(world.context, world.lane())
    assert world.do("step.record", session=session, note="late", **STEP)["outcome"] == "waiting"
    world.rows("UPDATE command SET next_attempt_at = now() WHERE state = 'pending'")
    drain(world.context, world.lane())
    world.until(lambda: drain(world.context, world.lane()).settled == 0)
    assert world.rows("SELECT l1_note, withdrawn_at IS NULL FROM walk_step ORDER BY position") == [
        ("1", False),
        ("late", True),
    ]


def test_what_was_claimed_behind_a_turn_that_is_full_does_not_go_before_what_it_left(world):
    session = world.started("flow")
    for number in (2, 3):
        step(world, session, number, note=str(number))
    world.do("session.resolve", session=session, sequence=4)
    file_only(world, "step.record", session=session, sequence=1, note="1", **STEP)
    file_only(world, "notes.save", session=session, notes=[{"text": "too late"}], revision=1)
    world.rows("UPDATE command SET attempts = 2 WHERE sequence = 1")  # so that a turn takes three
    assert take_turn(world.context, world.lane()).settled == 3
    assert world.rows("SELECT attempts FROM command WHERE type = 'notes.save'") == [0]
    assert take_turn(world.context, world.lane()).settled == 2
    assert world.rows("SELECT state, result ->> 'code' FROM command WHERE type = 'notes.save'") == [
        ("refused", "closed")
    ]


def test_a_waiting_step_holds_nobody_else(world):
    session = world.started("flow")
    step(world, session, 3, note="3")
    assert world.do("step.record", session=session, note="free", **STEP)["outcome"] == "applied"
    assert notes(world) == ["free"]


def test_a_gap_is_waited_for_up_to_thirty_seconds_and_then_the_step_is_applied(world):
    session = world.started("flow")
    step(world, session, 3, note="3")
    age(world, 29)
    drain(world.context, world.lane())
    assert notes(world) == []
    age(world, 1)
    with structlog.testing.capture_logs() as logs:
        drain(world.context, world.lane())
    assert notes(world) == ["3"]
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("command settled out of sequence", "warning")
    ]
    assert world.walk(session, "last_sequence") == 3


def test_a_step_that_comes_after_its_gap_was_given_up_is_applied_late(world):
    session = world.started("flow")
    step(world, session, 2, note="2")
    age(world, 30)
    drain(world.context, world.lane())
    assert step(world, session, 1, note="1")["outcome"] == "applied"
    assert notes(world) == ["2", "1"]
    assert world.walk(session, "last_sequence") == 2


def test_a_number_that_is_taken_is_refused(world):
    session = world.started("flow")
    step(world, session, 1, note="1")
    result = step(world, session, 1, note="another")
    assert (result["outcome"], result["code"]) == ("refused", "sequence_taken")
    assert notes(world) == ["1"]


def test_a_refused_step_has_used_its_number_so_that_the_next_one_does_not_wait(world):
    session = world.started("flow")
    assert step(world, session, 1, answer="maybe")["outcome"] == "refused"
    assert step(world, session, 2, note="2")["outcome"] == "applied"


def test_a_refused_step_lets_those_go_on_that_waited_for_it(world):
    session = world.started("flow")
    step(world, session, 2, note="2")
    assert step(world, session, 1, answer="maybe")["outcome"] == "refused"
    assert notes(world) == ["2"]


def test_a_second_start_numbered_ahead_does_not_push_others_past_their_turn(world):
    session = world.started("flow", sequence=1)
    assert world.start("flow", sequence=9)["outcome"] == "duplicate"
    assert world.walk(session, "last_sequence") == 1
    assert step(world, session, 2)["outcome"] == "applied"


def test_every_walk_of_a_ticket_counts_from_one(world):
    first = world.started("flow")
    step(world, first, 1)
    step(world, first, 3)
    world.do("session.resolve", session=first, sequence=2)
    second = world.started("flow")
    assert step(world, second, 1)["outcome"] == "applied"
    assert world.walk(second, "step_count") == 1


def test_a_step_that_waits_for_an_old_walk_does_not_hide_one_that_waits_for_the_new_walk(world):
    first = world.started("flow")
    step(world, first, 2)
    world.do("session.resolve", session=first)
    second = world.started("flow")
    assert step(world, second, 2, note="new")["outcome"] == "waiting"
    step(world, second, 1, note="first")
    assert notes(world) == ["first", "new"]


def test_a_step_that_waits_for_a_walk_that_never_starts_is_refused_in_the_end(world):
    world.do("step.record", connection=world.home_tenant.psa, ticket="100", sequence=1, **STEP)
    age(world, 30)
    drain(world.context, world.lane())
    assert world.one("SELECT state, result->>'code' FROM command") == ("refused", "no_walk")
