"""Notes that people typed in the ticket of an ad-hoc walk, compared with what the PSA lists now."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from integrations.ports import PsaNote
from worker.db.models import NoteDraftRow, SessionRow, TicketRow
from worker.db.unit_of_work import Transaction
from worker.domain.text import made_storable
from worker.domain.words import SessionKind, SessionStatus


@dataclass(frozen=True, slots=True)
class Typed:
    """The walk's own list of such notes, and what the PSA lists; None where it was not asked for all.

    `version` is the draft's: it tells two equal changes at different times apart.
    """

    standing: Sequence[dict[str, Any]] = ()
    version: int = 0
    listed: Sequence[PsaNote] | None = None

    def changes(self) -> list[dict[str, Any]]:
        """Return the walk's notes whose wording is another now, and those that are gone, marked."""
        if self.listed is None:
            return []
        listed = {note.note_id: made_storable(note.text) for note in self.listed}
        changed = []
        for note in self.standing:
            wording = listed.get(str(note["psa_note_id"]))
            if wording is None and not note.get("deleted"):
                changed.append({**note, "deleted": True})
            elif wording is not None and (wording != note["text"] or note.get("deleted")):
                kept = {name: value for name, value in note.items() if name != "deleted"}
                changed.append({**kept, "text": wording, "edited": True})
        return changed

    def digest(self, changes: Sequence[dict[str, Any]]) -> str:
        """Return what names these changes: the same ones seen twice are one command."""
        told = json.dumps([self.version, list(changes)], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()


NOTHING_TYPED = Typed()


def standing_notes(tx: Transaction, ticket: TicketRow) -> Typed:
    """Return the notes that the ticket's active ad-hoc walk has from the ticket."""
    query = (
        select(NoteDraftRow.ticket_notes, NoteDraftRow.version)
        .join(SessionRow, SessionRow.id == NoteDraftRow.session_id)
        .where(
            SessionRow.ticket_id == ticket.id,
            SessionRow.status == SessionStatus.ACTIVE,
            SessionRow.kind == SessionKind.ADHOC,
        )
    )
    found = tx.session.execute(query).one_or_none()
    return Typed(found[0], found[1]) if found else NOTHING_TYPED


def newer(listed: Sequence[PsaNote], cursor: str | None, typed: Typed) -> Sequence[PsaNote]:
    """Return the notes that stand behind the cursor; where its note is gone, those after the last one known.

    The cursor was the newest note when it was read, so what stood before it is no part of the walk.
    """
    ids = [note.note_id for note in listed]
    if cursor in ids:
        return listed[ids.index(cursor) + 1 :]
    last = max((datetime.fromisoformat(note["at"]) for note in typed.standing if note["at"]), default=None)
    if last is None:
        return []
    return [note for note in listed if note.created_at is not None and note.created_at > last]
