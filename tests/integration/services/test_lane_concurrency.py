"""Workers on one ticket at the same time."""

from functools import partial

import pytest

from worker.domain.requests import RecordStep
from worker.domain.words import CommandType
from worker.services.filing import NewCommand, file, find_place
from worker.services.lanes import drain
from worker.services.settling import settle_turn

pytestmark = pytest.mark.integration


def file_steps(world, session, number):
    """File steps in one transaction, without applying them."""
    request = RecordStep(session=session, node_id="link", answer="yes")
    commands = [
        NewCommand(f"step:{place}", CommandType.RECORD_STEP, request) for place in range(1, number + 1)
    ]
    with world.context.uow.begin(world.home_tenant.account_id) as tx:
        return file(tx, find_place(tx, request), commands)


def test_twelve_workers_on_one_command_apply_it_once_and_park_nothing(world):
    session = world.started("flow")
    for number in range(10):
        step = partial(
            world.do, "step.record", key=f"k{number}", session=session, node_id="link", answer="yes"
        )
        result = world.at_once(*[step] * 12)
        assert {entry["outcome"] for entry in result} <= {"applied", "duplicate", "waiting"}
    assert world.rows("SELECT state, count(*), max(attempts) FROM command GROUP BY 1") == [("applied", 11, 1)]
    assert world.rows("SELECT position FROM walk_step ORDER BY 1") == list(range(1, 11))


def test_two_workers_that_drain_one_lane_apply_every_command_once_and_in_order(world):
    session = world.started("flow")
    filed = file_steps(world, session, 120)
    lane = world.lane()
    for _ in range(3):
        world.at_once(partial(drain, world.context, lane), partial(drain, world.context, lane))
    world.until(lambda: drain(world.context, lane).settled == 0)
    assert world.rows(
        "SELECT (result->>'step')::int FROM command WHERE key LIKE 'step:%' ORDER BY position"
    ) == (list(range(1, 121)))
    assert world.one("SELECT count(*) FROM walk_step") == len(filed) == 120


def test_two_workers_that_claimed_the_same_commands_apply_them_once(world):
    """A claim keeps others off for a moment; then the ticket's lock and the commands' state decide."""
    session = world.started("flow")
    claimed = [entry.command_id for entry in file_steps(world, session, 40)]
    lane = world.lane()
    for first in range(0, 40, 10):
        turn = partial(settle_turn, world.context, lane, claimed[first : first + 10], tried=[])
        assert sorted(world.at_once(turn, turn)) == [0, 10]
    assert world.rows("SELECT position FROM walk_step ORDER BY 1") == list(range(1, 41))


def test_two_starts_at_the_same_time_make_one_walk(world):
    result = world.at_once(partial(world.start, "flow"), partial(world.start, "adhoc", user="cover"))
    world.until(lambda: drain(world.context, world.lane()).settled == 0)
    assert {entry["outcome"] for entry in result} <= {"applied", "duplicate", "waiting"}
    assert world.one("SELECT count(*) FROM l1_walk_session") == 1
    assert world.rows("SELECT result->>'outcome' FROM command ORDER BY position") == ["applied", "duplicate"]


def test_commands_filed_at_the_same_time_get_places_of_their_own(world):
    session = world.started("flow")
    step = partial(world.do, "step.record", session=session, node_id="link", answer="yes")
    world.at_once(*[step] * 8)
    positions = world.rows("SELECT position FROM command ORDER BY 1")
    assert positions == sorted(set(positions))
    assert len(positions) == 9
