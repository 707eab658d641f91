"""How many calls a connection may make, and when the next one may go: pure arithmetic.

Calls are spaced evenly (the generic cell rate algorithm), not counted per minute: a counter that starts anew
each minute lets two minutes' worth of calls go at the turn of one.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from worker.errors import ConfigurationError

#: The share of a limit that is used. The rest is for the road: a call that is held up between here and the
#: PSA comes closer to those behind it. At 100 a minute that is room for over a second.
USED_SHARE = 0.97
#: One call in so many may make up for a slot that nobody took. With the share above, no window of time sees
#: more than the limit, whatever is made up: `tests/unit/domain/test_pace.py` counts it.
CATCH_UP_EVERY = 100
#: How long work waits for its first call; beyond it, it is put off, and its thread is free for others.
FIRST_PATIENCE = timedelta(seconds=2.5)
#: The same once it has called: it has a place, and to start again would spend calls anew. The places of a
#: connection bound how many wait.
LATER_PATIENCE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class CallLimit:
    """So many calls in any window of this length, from all workers together."""

    calls: float
    window: timedelta = timedelta(minutes=1)

    def __post_init__(self) -> None:
        if self.calls <= 0:
            raise ConfigurationError("a limit of calls must be above 0")

    @property
    def interval(self) -> timedelta:
        """The time between two calls."""
        return self.window / (self.calls * USED_SHARE)

    @property
    def tolerance(self) -> timedelta:
        """How far back slots that nobody took may be made up for."""
        return self.interval * int(self.calls / CATCH_UP_EVERY)

    def shared_by(self, workers: int) -> "CallLimit":
        """Return what each of so many workers may do that know nothing of each other."""
        return replace(self, calls=self.calls / workers)


def hourly(calls: int) -> CallLimit:
    """Return an hour's limit, spread over its minutes."""
    return CallLimit(calls / 60)


def slot_from(free_at: float, *, now: float, limit: CallLimit) -> float:
    """Return when the next call may go. `free_at` is the end of the last one's slot; all in seconds."""
    return max(free_at, now - limit.tolerance.total_seconds())
