"""Measure 4: what row-level security costs a step, policies on and off by turns in one database."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from benchmarks.figures import Figure, Report
from benchmarks.stage import Stage
from benchmarks.stepping import cost_of_steps
from worker.db.models import TENANT_TABLES

#: Walks of each side per round, and how often a round changes sides: short turns, so that what slows the
#: machine for a while slows both. Each change makes a backend forget what it knows of the tables, both ways.
WALKS = 10
TURNS = 12
#: Steps of each walk and turn.
STEPS = 1


def measure(stage: Stage, report: Report, rounds: int) -> None:
    """Record steps as the task `step.record` does, with the policies and without, by turns."""
    on, off, walks = [], [], []
    for _ in range(rounds):
        walled, bare = ([stage.start_walk() for _ in range(WALKS)] for _ in range(2))
        these, those = [], []
        for _ in range(TURNS):
            these.append(cost_of_steps(stage, walled, STEPS))
            with _without_walls(stage):
                those.append(cost_of_steps(stage, bare, STEPS))
        on.append(these)
        off.append(those)
        walks += [*walled, *bare]
    for quantity, unit in (("clock", "ms"), ("cpu", "ms")):
        sides = (
            [sum(getattr(cost, quantity) for cost in costs) / TURNS for costs in side] for side in (on, off)
        )
        report.figures.append(Figure("tenants' walls", quantity, unit, "policies on", "off", *sides))
    report.expect("steps with and without", found=stage.steps(walks), wanted=len(walks) * TURNS * STEPS)


@contextmanager
def _without_walls(stage: Stage) -> Iterator[None]:
    """Take the walls down for a while. The database is the benchmark's own."""
    _switch(stage, "DISABLE")
    try:
        yield
    finally:
        _switch(stage, "ENABLE")


def _switch(stage: Stage, how: str) -> None:
    with stage.database.begin() as connection:
        for table in sorted(TENANT_TABLES):
            connection.execute(text(f"ALTER TABLE {table} {how} ROW LEVEL SECURITY"))
