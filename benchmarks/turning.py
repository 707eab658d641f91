"""Measure 2: what it brings to apply all that is pending on a ticket in one turn."""

import time

from benchmarks.figures import Figure, Report
from benchmarks.filing_many import file_steps
from benchmarks.stage import BenchWalk, Stage
from worker.domain.lane import TURN_LIMIT
from worker.services.lanes import take_turn

#: Commands applied each way per round.
COMMANDS = 2 * TURN_LIMIT


def measure(stage: Stage, report: Report, rounds: int) -> None:
    """Apply as many commands in full turns as in turns of one. Filing them is not counted."""
    full, single, walks = [], [], []
    for _ in range(rounds):
        pair = [stage.start_walk(), stage.start_walk()]
        full.append(_rate(stage, pair[0], per_turn=TURN_LIMIT))
        single.append(_rate(stage, pair[1], per_turn=1))
        walks += pair
    ways = (f"{TURN_LIMIT} per turn", "1 per turn")
    report.figures.append(Figure("lane turns", "commands applied", "1/s", *ways, full, single))
    report.expect("commands applied in turns", found=stage.steps(walks), wanted=len(walks) * COMMANDS)


def _rate(stage: Stage, walk: BenchWalk, *, per_turn: int) -> float:
    """Return commands applied per second."""
    seconds = 0.0
    for _ in range(COMMANDS // per_turn):
        file_steps(stage, walk, per_turn)
        began = time.perf_counter()
        take_turn(stage.context, walk.lane)
        seconds += time.perf_counter() - began
    return COMMANDS / seconds
