"""The boundaries at which a process may die, by name, so that a test can have it die exactly there.

`TICKETWALK_CRASH_AT=lane.before_commit` ends a process at that point as `kill -9` would, and
`lane.before_commit:3` the third time it gets there. Without the variable a point costs one comparison.
"""

import os
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import cache

from worker.errors import ConfigurationError

#: What a shell shows of a process that was killed with SIGKILL (128 + 9).
EXIT_CODE = 137


class CrashPoint(StrEnum):
    """Every boundary that a promise depends on, in the order of the data's way.

    Each has its scenario in `tests/acceptance/test_crash_points.py`; a new one fails there until it has.
    """

    RECEIVER_BEFORE_COMMIT = "receiver.before_commit"
    RECEIVER_BEFORE_ANSWER = "receiver.before_answer"
    RECEIVER_ANSWERED = "receiver.answered"
    PUBLISHER_BETWEEN_HINTS = "publisher.between_hints"
    SWEEP_BEFORE_HINTS = "sweep.before_hints"
    INTERPRETATION_CLAIMED = "interpretation.claimed"
    INTERPRETATION_PSA_ASKED = "interpretation.psa_asked"
    INTERPRETATION_BEFORE_COMMIT = "interpretation.before_commit"
    INTERPRETATION_BEFORE_HINTS = "interpretation.before_hints"
    FILING_BEFORE_COMMIT = "filing.before_commit"
    FILING_BEFORE_TURN = "filing.before_turn"
    LANE_CLAIMED = "lane.claimed"
    LANE_BEFORE_COMMIT = "lane.before_commit"
    LANE_BEFORE_HINTS = "lane.before_hints"
    SAVE_BEFORE_COMMIT = "save.before_commit"
    SAVE_BEFORE_ANSWER = "save.before_answer"
    FLUSH_BEFORE_COMMIT = "flush.before_commit"
    FLUSH_COMMITTED = "flush.committed"
    PUSH_BEFORE_SENDING = "push.before_sending"
    PUSH_BEFORE_CALL = "push.before_call"
    PUSH_BEFORE_CONFIRMATION = "push.before_confirmation"
    PUSH_BEFORE_HINTS = "push.before_hints"
    PUSH_NOTHING_FOUND = "push.nothing_found"


class Commit(Enum):
    """The commits that matter, for `UnitOfWork.begin(at=...)`: the points just before and just after each.

    None before: the transaction has changed nothing that dying there would leave half done.
    """

    DELIVERY = CrashPoint.RECEIVER_BEFORE_COMMIT, CrashPoint.RECEIVER_BEFORE_ANSWER
    SWEEP = None, CrashPoint.SWEEP_BEFORE_HINTS
    INTERPRETATION_CLAIM = None, CrashPoint.INTERPRETATION_CLAIMED
    INTERPRETATION = CrashPoint.INTERPRETATION_BEFORE_COMMIT, CrashPoint.INTERPRETATION_BEFORE_HINTS
    FILING = CrashPoint.FILING_BEFORE_COMMIT, CrashPoint.FILING_BEFORE_TURN
    LANE_CLAIM = None, CrashPoint.LANE_CLAIMED
    LANE_TURN = CrashPoint.LANE_BEFORE_COMMIT, CrashPoint.LANE_BEFORE_HINTS
    SAVE = CrashPoint.SAVE_BEFORE_COMMIT, CrashPoint.SAVE_BEFORE_ANSWER
    FLUSH = CrashPoint.FLUSH_BEFORE_COMMIT, CrashPoint.FLUSH_COMMITTED
    SENDING = CrashPoint.PUSH_BEFORE_SENDING, CrashPoint.PUSH_BEFORE_CALL
    CONFIRMATION = CrashPoint.PUSH_BEFORE_CONFIRMATION, CrashPoint.PUSH_BEFORE_HINTS

    def __init__(self, before: CrashPoint | None, after: CrashPoint) -> None:
        self.before = before
        self.after = after


def reach(point: CrashPoint | None) -> None:
    """Die here if that was asked for."""
    armed = _armed()
    if armed is not None:
        armed.reached(point)


@dataclass(slots=True)
class _Armed:
    """A point that is not to be survived, and how many more times it is passed first."""

    point: CrashPoint
    passes: int

    def reached(self, point: CrashPoint | None) -> None:
        if point is not self.point:
            return
        if not self.passes:
            os._exit(EXIT_CODE)
        self.passes -= 1


@cache
def _armed() -> _Armed | None:
    """Return what the environment asks for; read once per process."""
    wanted = os.environ.get("TICKETWALK_CRASH_AT")
    if not wanted:
        return None
    name, _, turn = wanted.partition(":")
    try:
        return _Armed(CrashPoint(name), passes=int(turn or 1) - 1)
    except ValueError:
        raise ConfigurationError(
            f"TICKETWALK_CRASH_AT must be one of {', '.join(CrashPoint)}, or name:2 for the second time"
        ) from None
