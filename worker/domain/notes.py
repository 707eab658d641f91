"""The debounce of note saves, as arithmetic on one draft's times. The clock is the database's."""

from collections.abc import Mapping, Sequence
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


def merge_ticket_notes(notes: Notes, from_ticket: Notes) -> list[dict[str, Any]]:
    """Return the notes with those typed in the PSA ticket put in, each replacing its earlier wording."""
    merged = {_identity(note, place): dict(note) for place, note in enumerate(notes)}
    for note in from_ticket:
        merged[_identity(note, 0)] = dict(note)
    return list(merged.values())


def _identity(note: Mapping[str, Any], place: int) -> tuple[str, str | int]:
    """Return what makes a note itself: its id in the PSA, or where it stands among those that have none."""
    note_id = note.get("psa_note_id")
    return ("own", place) if note_id is None else ("psa", str(note_id))
