"""Measure 1: recording a step costs the same at step 5 and at step 5 000 of one walk."""

import time
from dataclasses import dataclass
from uuid import uuid4

from benchmarks.figures import Figure, Report
from benchmarks.filing_many import file_steps
from benchmarks.stage import STEP, BenchWalk, Stage
from benchmarks.usage import cpu_seconds, server_pids
from worker.domain.lane import TURN_LIMIT
from worker.domain.words import CommandType, Outcome
from worker.services.carrying import carry_out
from worker.services.lanes import take_turn

EARLY = 5
LATE = 5_000
#: Fresh walks per round, and steps measured on each of them; as many are measured on the long walk.
WALKS = 8
STEPS = 5


@dataclass(frozen=True, slots=True)
class Cost:
    """What one step cost on average, in milliseconds. `cpu` is ours and PostgreSQL's together."""

    clock: float
    cpu: float


def measure(stage: Stage, report: Report, rounds: int) -> None:
    """Record steps as the task `step.record` does, by turns on fresh walks and on one long walk."""
    long = stage.start_walk()
    _walk_to(stage, long, LATE)
    early, late, fresh = [], [], []
    for _ in range(rounds):
        walks = [stage.start_walk() for _ in range(WALKS)]
        for walk in walks:
            _walk_to(stage, walk, EARLY - 1)
        early.append(cost_of_steps(stage, walks, STEPS))
        late.append(cost_of_steps(stage, [long], WALKS * STEPS))
        fresh += walks
    names = ("one step", f"step {LATE}", f"step {EARLY}")
    for quantity, unit in (("clock", "ms"), ("cpu", "ms")):
        these, those = ([getattr(cost, quantity) for cost in costs] for costs in (late, early))
        report.figures.append(Figure(names[0], quantity, unit, names[1], names[2], these, those))
    recorded = rounds * WALKS * STEPS
    report.expect("steps of the long walk", found=stage.steps([long]), wanted=LATE + recorded)
    wanted = len(fresh) * (EARLY - 1) + recorded
    report.expect("steps of the fresh walks", found=stage.steps(fresh), wanted=wanted)


def _walk_to(stage: Stage, walk: BenchWalk, steps: int) -> None:
    """Record so many steps, in full turns."""
    while steps > 0:
        file_steps(stage, walk, min(steps, TURN_LIMIT))
        take_turn(stage.context, walk.lane)
        steps -= TURN_LIMIT


def _record(stage: Stage, walks: list[BenchWalk], steps: int) -> None:
    """Record so many steps on each walk."""
    for walk in walks:
        for _ in range(steps):
            done = carry_out(
                stage.context,
                CommandType.RECORD_STEP,
                uuid4().hex,
                {"session": str(walk.session_id), **STEP},
            )
            assert done["outcome"] == Outcome.APPLIED, done


def cost_of_steps(stage: Stage, walks: list[BenchWalk], steps: int) -> Cost:
    """Record so many steps on each walk, as the task `step.record` does. Return what one cost."""
    postgres = server_pids(stage.settings.home_of_servers)["postgres"]
    clock, cpu = time.perf_counter(), time.process_time() + cpu_seconds([postgres])
    _record(stage, walks, steps)
    clock = time.perf_counter() - clock
    cpu = time.process_time() + cpu_seconds([postgres]) - cpu
    recorded = len(walks) * steps
    return Cost(1000 * clock / recorded, 1000 * cpu / recorded)
