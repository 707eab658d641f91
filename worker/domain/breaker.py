"""When a connection is given a rest: a pure decision, tested as a table.

A PSA that does not answer is not asked by every entry and every delivery in turn: after some failures in a
row the connection rests, for longer each time, and then one call tries it. What waits spends nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

#: Failures in a row after which a connection rests. Fewer would rest for one bad gateway.
OPENS_AFTER = 5
FIRST_REST = timedelta(seconds=15)
#: The longest rest: so much later than the PSA the service is back at work. Shorter than the longest wait of
#: a single entry (`domain.outbox.MAX_BACKOFF`), so that one that always fails cannot be every trial.
MAX_REST = timedelta(minutes=5)
#: The one call that tries a resting connection has this long: all time-outs of one write, and some.
TRIAL = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a connection: failures in a row, and until when nobody calls."""

    failures: int = 0
    paused_until: datetime | None = None

    def pause_at(self, now: datetime) -> datetime | None:
        """Return until when nobody calls, or None."""
        return self.paused_until if self.paused_until and self.paused_until > now else None

    @property
    def is_open(self) -> bool:
        """Whether the next call is a trial."""
        return self.failures >= OPENS_AFTER


def rest(failures: int) -> timedelta | None:
    """Return how long a connection rests after so many failures in a row; None while it need not."""
    if failures < OPENS_AFTER:
        return None
    return min(FIRST_REST * (1 << min(failures - OPENS_AFTER, 10)), MAX_REST)
