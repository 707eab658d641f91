"""The debounce of note saves, as arithmetic on one draft's times. The clock is the database's."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from worker.domain.text import json_size
from worker.errors import Refusal

#: Largest notes document, in bytes of compact UTF-8 JSON.
MAX_NOTES_BYTES = 256 * 1024

Notes = Sequence[dict[str, Any]]


def due_at(
    *, saved_at: datetime, first_dirty_at: datetime, quiet_period: timedelta, max_wait: timedelta
) -> datetime:
    """Return when a draft is written: after a pause of `quiet_period`, at the latest after `max_wait`."""
    return min(saved_at + quiet_period, first_dirty_at + max_wait)


def ensure_fits(notes: Notes) -> None:
    """Refuse a document over the cap, with its size, so that the sender can shorten it."""
    size = json_size(list(notes))
    if size > MAX_NOTES_BYTES:
        raise Refusal(
            "too_large",
            f"the notes are {size} bytes; the limit is {MAX_NOTES_BYTES} bytes",
            size_bytes=size,
            limit_bytes=MAX_NOTES_BYTES,
        )


def ensure_newer(*, revision: int, current: int) -> None:
    """Refuse a save that is not newer than the durable draft: the highest revision wins, not the last."""
    if revision <= current:
        raise Refusal(
            "stale",
            f"revision {revision} is not newer than revision {current}, which is saved",
            current_revision=current,
        )


def put_in(notes: Notes, from_ticket: Notes) -> list[dict[str, Any]]:
    """Return the notes typed in the PSA ticket with newer wordings put in; an edited one keeps its place."""
    merged = {str(note["psa_note_id"]): dict(note) for note in notes}
    for note in from_ticket:
        merged[str(note["psa_note_id"])] = dict(note)
    return list(merged.values())


#: Bounds of the lateness metric, in milliseconds. The sweep alone keeps a draft within its interval (2 s).
LATENESS_BOUNDS_MS = (250, 500, 1_000, 2_000, 5_000, 10_000, 60_000)
#: Stands for "later than the last bound".
LATER_MS = 2**31 - 1


def lateness_bound(late: timedelta) -> int:
    """Return the smallest bound that the lateness is within, in milliseconds."""
    milliseconds = late / timedelta(milliseconds=1)
    return next((bound for bound in LATENESS_BOUNDS_MS if milliseconds <= bound), LATER_MS)
