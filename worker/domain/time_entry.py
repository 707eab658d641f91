"""The time entry of a walk: what was measured, no more."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from worker.domain.words import SessionStatus

#: A PSA counts in minutes at the finest, and takes no entry that ends when it begins.
SHORTEST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TimeSpent:
    """From the walk's start to its end; at least a minute."""

    started_at: datetime
    ended_at: datetime


def time_spent(started_at: datetime, closed_at: datetime) -> TimeSpent:
    """Return the measured time of a walk."""
    return TimeSpent(started_at, max(closed_at, started_at + SHORTEST))


def time_text(status: SessionStatus, *, marker: str) -> str:
    """Return what the entry says; the summary note has the rest. Ends with the marker."""
    return f"Level-1 walk, {status}. {marker}"
