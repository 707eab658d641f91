"""Causes faults one after the other, drawn from the seed, until the time is over."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from random import Random

from tests.chaos.faults import KILLS, Fault
from tests.chaos.world import World

#: The calm between two faults, in seconds: short, but so that work goes on.
CALM_SECONDS = (0.3, 2.2)
#: Wait between two looks for a worker that is at work, in seconds.
LOOK_SECONDS = 0.05
#: What a worker logs whenever it has done something. Of the one that calls PSAs, a call that changed
#: something: most of its tasks find no place and end at once, and after ten of these no call was ever over.
WORKED = {
    "commands": b'"event": "task ended"',
    "threads": b'"event": "task ended"',
    "psa": b'"event": "entry pushed"',
}
#: How often it must have before it is killed: one that is killed after its first task does nothing but start,
#: and no more is applied than there are kills.
TASKS_OF_A_LIFE = 10
#: Faults during which no message can be sent; deliveries are accepted all the same.
WITHOUT_REDIS = frozenset({"redis killed", "redis killed, data lost", "redis frozen", "redis silent"})


class Storm:
    """What was broken, by name."""

    def __init__(self, world: World, *, seed: int) -> None:
        self._world = world
        self._random = Random(f"storm {seed}")  # noqa: S311 - to be repeated, not to be secret
        self.counts: Counter[str] = Counter()
        self.seconds = 0.0
        #: From when to when Redis was away, in monotonic seconds.
        self.without_redis: list[tuple[float, float]] = []

    def rage(self, faults: Mapping[str, Fault], *, seconds: float) -> None:
        """Cause one fault after the other for so long."""
        names, weights = list(faults), [fault.weight for fault in faults.values()]
        pause, began = threading.Event(), time.monotonic()
        while time.monotonic() - began < seconds:
            pause.wait(self._random.uniform(*CALM_SECONDS))
            name = self._random.choices(names, weights)[0]
            since = time.monotonic()
            if faults[name].cause(self._world, self._random):
                self.counts[name] += 1
            if name in WITHOUT_REDIS:
                self.without_redis.append((since, time.monotonic()))
        self.seconds = time.monotonic() - began

    def kill(self, wanted: int) -> None:
        """Kill -9 workers that are at work, as fast as they come back, until so many were killed."""
        pause, began = threading.Event(), time.monotonic()
        while self.kills() < wanted:
            for name in self._busy():
                self._kill(name)
            pause.wait(LOOK_SECONDS)
        self.seconds = time.monotonic() - began

    def kills(self) -> int:
        """Return how many processes were killed -9 on purpose."""
        return sum(self.counts[name] for name in KILLS)

    def _busy(self) -> Iterator[str]:
        programs = self._world.fleet.programs
        for name, worked in WORKED.items():
            process = programs[name].process
            if (
                process is not None
                and process.poll() is None
                and programs[name].said(worked) >= TASKS_OF_A_LIFE
            ):
                yield name

    def _kill(self, name: str) -> None:
        """Of the prefork worker mostly a child, which is back sooner; the next must have worked first."""
        child = name == "commands" and self._random.random() < 0.7
        fault = "kill -9 pool child" if child else f"kill -9 {name} worker"
        if KILLS[fault].cause(self._world, self._random):
            self.counts[fault] += 1
            if child:
                self._world.fleet.programs[name].listen_anew()
