"""Two walks of one ticket that end and begin in the same transaction keep their numbers apart."""

from typing import Any

from worker.domain.words import CommandType
from worker.services.carrying import command_by_hand
from worker.services.filing import file_request
from worker.services.lanes import drain


def test_a_number_that_the_walk_before_it_used_is_not_taken_in_the_next_one(world):
    address = {"connection": world.home_tenant.psa, "ticket": "100"}
    user = str(world.home_tenant.users["tech"])
    step = {"node_id": "link", "answer": "yes"}
    commands: list[tuple[CommandType, dict[str, Any]]] = [
        (CommandType.START_FLOW, {"user": user, "flow": "VPN down"}),
        (CommandType.RECORD_STEP, {**step, "sequence": 1}),
        (CommandType.RESOLVE, {"sequence": 2}),
        (CommandType.START_ADHOC, {"user": user}),
        (CommandType.RECORD_STEP, {**step, "sequence": 1}),
        (CommandType.RECORD_STEP, {**step, "sequence": 2}),
        (CommandType.RECORD_STEP, {**step, "sequence": 2}),
    ]
    for number, (command_type, arguments) in enumerate(commands):
        file_request(
            world.context, command_by_hand(command_type, {**address, **arguments}, default_key=str(number))
        )
    drain(world.context, world.lane())
    codes = world.rows("SELECT result ->> 'code' FROM command ORDER BY position")
    assert codes == [None] * 4 + ["adhoc_takes_no_steps"] * 3
