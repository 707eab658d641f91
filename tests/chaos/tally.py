"""What was sent and what was acknowledged, as the senders know it. Safe to share between threads."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.plan import Event, TicketPlan


@dataclass
class Played:
    """One plan that was begun. `external_id` is the ticket's own id, which a PSA gives."""

    plan: TicketPlan
    external_id: str
    acknowledged: dict[str, Event] = field(default_factory=dict)
    complete: bool = False


class Tally:
    """The senders' own account of the run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.played: list[Played] = []
        self.problems: list[str] = []
        self.acknowledged_at: list[float] = []

    def begin(self, plan: TicketPlan, external_id: str) -> Played:
        """Remember that a plan is being played."""
        played = Played(plan, external_id)
        with self._lock:
            self.played.append(played)
        return played

    def count(self, what: str, number: int = 1) -> None:
        """Count something."""
        with self._lock:
            self.counts[what] += number

    def acknowledge(self, played: Played, event: Event) -> None:
        """Remember that an event was accepted."""
        with self._lock:
            if event.key not in played.acknowledged:
                played.acknowledged[event.key] = event
                self.counts["acknowledged"] += 1
                self.acknowledged_at.append(time.monotonic())

    def problem(self, words: str) -> None:
        """Remember what kept a sender from going on."""
        with self._lock:
            self.problems.append(words)
