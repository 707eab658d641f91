"""File many steps of one walk at once, as the interpretation of deliveries does."""

from uuid import uuid4

from benchmarks.stage import STEP, BenchWalk, Stage
from worker.domain.requests import read_request
from worker.domain.words import CommandType
from worker.services.filing import NewCommand, file, find_place


def file_steps(stage: Stage, walk: BenchWalk, number: int) -> None:
    """File so many step.record commands in one transaction; nobody is woken."""
    request = read_request(CommandType.RECORD_STEP, {"session": str(walk.session_id), **STEP})
    commands = [NewCommand(f"bench:{uuid4().hex}", CommandType.RECORD_STEP, request) for _ in range(number)]
    with stage.context.uow.begin(walk.lane.account_id) as tx:
        file(tx, find_place(tx, request), commands, wake=False)
