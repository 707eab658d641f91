"""The simulated ConnectWise: its records, and one announcement for every save of a ticket."""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from integrations.connectwise.simulator import directory
from integrations.connectwise.simulator.bodies import NoteBody, Reference, TicketBody, TimeBody
from integrations.connectwise.simulator.errors import invalid, missing
from integrations.connectwise.simulator.records import Callback, Named, Note, Ticket, TimeEntry

FIRST_TICKET_ID = 48_213

DISPLAY_REFUSAL = "Please choose where to display the notes in order to save this record."

#: Called with the action, the ticket's id, its JSON (None once deleted) and the member who saved it.
Announce = Callable[[str, int, dict[str, Any] | None, str], None]


@dataclass(slots=True)
class Identity:
    """Whom the simulator lets in, and under which name callbacks say they come."""

    company: str = "acme"
    public_key: str = "pub"
    private_key: str = field(default="priv", repr=False)


class World:
    """All records. Every method is one step under a lock; saves are announced outside of it."""

    def __init__(self, identity: Identity | None = None) -> None:
        self.identity = identity or Identity()
        self.announce: Announce = lambda *_: None
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget every record but boards, statuses and members; make a new signing key."""
        with self._lock:
            self._tickets: dict[int, Ticket] = {}
            self._notes: dict[int, Note] = {}
            self._times: dict[int, TimeEntry] = {}
            self.callbacks: dict[int, Callback] = {}
            self._ticket_ids, self._ids = count(FIRST_TICKET_ID), count(1)
            self._companies: dict[str, Named] = {}
            self.signing_key = secrets.token_urlsafe(32)

    def rotate_key(self) -> None:
        self.signing_key = secrets.token_urlsafe(32)

    def tickets(self) -> list[dict[str, Any]]:
        with self._lock:
            return [ticket.as_json() for ticket in self._tickets.values()]

    def ticket(self, ticket_id: int) -> dict[str, Any]:
        with self._lock:
            return self._ticket(ticket_id).as_json()

    def notes(self, ticket_id: int) -> list[dict[str, Any]]:
        with self._lock:
            self._ticket(ticket_id)
            return [note.as_json() for note in self._notes.values() if note.ticket_id == ticket_id]

    def note(self, ticket_id: int, note_id: int) -> dict[str, Any]:
        with self._lock:
            return self._note(ticket_id, note_id).as_json()

    def time_entries(self) -> list[dict[str, Any]]:
        with self._lock:
            return [entry.as_json() for entry in self._times.values()]

    def create_ticket(self, body: TicketBody, member: str) -> dict[str, Any]:
        with self._lock:
            board = directory.board_named(body.board)
            status = directory.statuses_of(board)[0]
            now = _now()
            ticket = Ticket(
                id=next(self._ticket_ids),
                summary=body.summary,
                board=board,
                status=directory.status_named(board, body.status) if body.status else status,
                entered_at=now,
                updated_at=now,
                updated_by=member,
                type=self._named(body.type),
                priority=self._named(body.priority),
                company=self._named(body.company),
                owner=directory.member_named(body.owner),
            )
            self._tickets[ticket.id] = ticket
        return self._saved("added", ticket)

    def change_ticket(self, ticket_id: int, member: str, **changes: Reference | str) -> dict[str, Any]:
        """Set `status`, `owner` or `summary`, and announce the save even where nothing differs."""
        with self._lock:
            ticket = self._ticket(ticket_id)
            for name, value in changes.items():
                _set(ticket, name, value)
            ticket.updated_at, ticket.updated_by = _now(), member
        return self._saved("updated", ticket)

    def merge_ticket(self, ticket_id: int, into: int, member: str) -> None:
        """Close the ticket as part of another one; both are saved."""
        with self._lock:
            ticket, parent = self._ticket(ticket_id), self._ticket(into)
            ticket.merged_parent = Named(parent.id, parent.summary)
            closing = next(status for status in directory.statuses_of(ticket.board) if status.closes)
        self.change_ticket(ticket_id, member, status=Reference(id=closing.id))
        self.change_ticket(into, member)

    def delete_ticket(self, ticket_id: int, member: str) -> None:
        with self._lock:
            del self._tickets[self._ticket(ticket_id).id]
            self._notes = {n.id: n for n in self._notes.values() if n.ticket_id != ticket_id}
        self.announce("deleted", ticket_id, None, member)

    def add_note(self, ticket_id: int, body: NoteBody, member: str) -> dict[str, Any]:
        _require_display(body)
        with self._lock:
            self._ticket(ticket_id)
            note = Note(
                id=next(self._ids),
                ticket_id=ticket_id,
                text=body.text,
                created_by=member,
                created_at=_now(),
                flags=body.flags(),
                member=directory.member_named(body.member),
                contact=self._named(body.contact),
            )
            self._notes[note.id] = note
        self.change_ticket(ticket_id, member)
        return note.as_json()

    def change_note(self, ticket_id: int, note_id: int, text: str, member: str) -> dict[str, Any]:
        with self._lock:
            note = self._note(ticket_id, note_id)
            note.text = text
        self.change_ticket(ticket_id, member)
        return note.as_json()

    def delete_note(self, ticket_id: int, note_id: int, member: str) -> None:
        with self._lock:
            del self._notes[self._note(ticket_id, note_id).id]
        self.change_ticket(ticket_id, member)

    def add_time(self, body: TimeBody, member: str) -> dict[str, Any]:
        with self._lock:
            self._ticket(body.charge_to_id)
            who = directory.member_named(body.member) or directory.member_named(Reference(identifier=member))
            entry = TimeEntry(next(self._ids), body, who, entered_by=member, entered_at=_now())
            self._times[entry.id] = entry
        self.change_ticket(body.charge_to_id, member)
        return entry.as_json()

    def next_id(self) -> int:
        with self._lock:
            return next(self._ids)

    def _saved(self, action: str, ticket: Ticket) -> dict[str, Any]:
        shown = ticket.as_json()
        self.announce(action, ticket.id, shown, ticket.updated_by)
        return shown

    def _ticket(self, ticket_id: int) -> Ticket:
        if ticket_id not in self._tickets:
            raise missing("Ticket", ticket_id)
        return self._tickets[ticket_id]

    def _note(self, ticket_id: int, note_id: int) -> Note:
        note = self._notes.get(note_id)
        if note is None or note.ticket_id != ticket_id:
            raise missing("TicketNote", note_id)
        return note

    def _named(self, reference: Reference | None) -> Named | None:
        """Types, priorities and companies come into being when they are first named."""
        name = reference and (reference.name or reference.identifier)
        if not name:
            return None
        return self._companies.setdefault(name, Named(len(self._companies) + 1, name))


def _set(ticket: Ticket, name: str, value: Reference | str) -> None:
    if name == "status" and isinstance(value, Reference):
        ticket.status = directory.status_named(ticket.board, value)
    elif name == "owner" and isinstance(value, Reference):
        ticket.owner = directory.member_named(value)
    elif name == "summary" and isinstance(value, str):
        ticket.summary = value
    else:
        raise invalid("ticket", (name, "InvalidField", "the field cannot be set like this"))


def _require_display(body: NoteBody) -> None:
    if not (body.detail_description_flag or body.internal_analysis_flag or body.resolution_flag):
        raise invalid("TicketNote", ("detailDescriptionFlag", "InvalidObject", DISPLAY_REFUSAL))


def _now() -> datetime:
    return datetime.now(UTC)
