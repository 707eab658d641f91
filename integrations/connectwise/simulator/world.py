"""The simulated ConnectWise: its records, and one announcement for every save of a ticket."""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from integrations.connectwise.simulator.bodies import CallbackBody, NoteBody, Reference, TicketBody
from integrations.connectwise.simulator.errors import invalid, missing
from integrations.connectwise.simulator.records import BoardStatus, Member, Named, Note, Ticket

API_MEMBER = "ticketwalk"
FIRST_TICKET_ID = 48_213

BOARDS = (Named(1, "Help Desk"), Named(2, "Network"))
STATUSES = tuple(
    BoardStatus(board.id * 100 + number, name, board.id, closes=name == ">Closed", inactive=name == "Retired")
    for board in BOARDS
    for number, name in enumerate(
        ("New", "In Progress", "Waiting Customer", "Escalated", ">Closed", "Retired")
    )
)
MEMBERS = (
    Member(101, "jdoe", "Jane Doe"),
    Member(102, "asmith", "Alex Smith"),
    Member(103, API_MEMBER, "API"),
)
DISPLAY_REFUSAL = "Please choose where to display the notes in order to save this record."

#: Called with the action, the ticket's id, its JSON (None once deleted) and the member who saved it.
Announce = Callable[[str, int, dict[str, Any] | None, str], None]


@dataclass(slots=True)
class Callback:
    """A registered callback."""

    id: int
    body: CallbackBody

    def as_json(self) -> dict[str, Any]:
        return {**self.body.model_dump(by_alias=True), "id": self.id, "memberId": MEMBERS[-1].id}

    def wants(self, ticket: dict[str, Any] | None, ticket_id: int, member: str) -> bool:
        if self.body.inactive_flag or (self.body.is_self_suppressed_flag and member == API_MEMBER):
            return False
        level, wanted = self.body.level.lower(), self.body.object_id
        if level == "owner":
            return True
        if level == "ticket":
            return wanted == ticket_id
        return ticket is not None and ticket[level]["id"] == wanted


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

    def create_ticket(self, body: TicketBody, member: str) -> dict[str, Any]:
        with self._lock:
            board = _find(BOARDS, body.board, "board") or BOARDS[0]
            status = self._status(board, body.status) if body.status else self._statuses(board)[0]
            now = _now()
            ticket = Ticket(
                id=next(self._ticket_ids),
                summary=body.summary,
                board=board,
                status=status,
                entered_at=now,
                updated_at=now,
                updated_by=member,
                type=self._named(body.type),
                priority=self._named(body.priority),
                company=self._named(body.company),
                owner=self.member(body.owner),
            )
            self._tickets[ticket.id] = ticket
        return self._saved("added", ticket)

    def change_ticket(self, ticket_id: int, member: str, **changes: Reference | str) -> dict[str, Any]:
        """Set `status`, `owner` or `summary`, and announce the save even where nothing differs."""
        with self._lock:
            ticket = self._ticket(ticket_id)
            for name, value in changes.items():
                self._set(ticket, name, value)
            ticket.updated_at, ticket.updated_by = _now(), member
        return self._saved("updated", ticket)

    def delete_ticket(self, ticket_id: int, member: str) -> None:
        with self._lock:
            del self._tickets[self._ticket(ticket_id).id]
            self._notes = {n.id: n for n in self._notes.values() if n.ticket_id != ticket_id}
        self.announce("deleted", ticket_id, None, member)

    def add_note(self, ticket_id: int, body: NoteBody, member: str) -> dict[str, Any]:
        _require_display(body)
        with self._lock:
            ticket = self._ticket(ticket_id)
            contact = self._named(body.contact)
            note = Note(
                id=next(self._ids),
                ticket_id=ticket_id,
                text=body.text,
                created_by=member,
                created_at=_now(),
                flags=body.flags(),
                member=self.member(body.member),
                contact=contact,
            )
            self._notes[note.id] = note
            ticket.updated_at, ticket.updated_by = _now(), member
        self._saved("updated", ticket)
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

    def statuses(self, board_id: int) -> list[dict[str, Any]]:
        board = _find(BOARDS, Reference(id=board_id), "board")
        return [status.as_json() for status in self._statuses(board or BOARDS[0])]

    def member(self, reference: Reference | None) -> Member | None:
        if reference is None:
            return None
        for member in MEMBERS:
            if reference.id == member.id or reference.identifier == member.identifier:
                return member
        raise invalid("member", ("member", "InvalidReference", "the member does not exist"))

    def next_id(self) -> int:
        with self._lock:
            return next(self._ids)

    def _saved(self, action: str, ticket: Ticket) -> dict[str, Any]:
        shown = ticket.as_json()
        self.announce(action, ticket.id, shown, ticket.updated_by)
        return shown

    def _set(self, ticket: Ticket, name: str, value: Reference | str) -> None:
        if name == "status" and isinstance(value, Reference):
            ticket.status = self._status(ticket.board, value)
        elif name == "owner" and isinstance(value, Reference):
            ticket.owner = self.member(value)
        elif name == "summary" and isinstance(value, str):
            ticket.summary = value
        else:
            raise invalid("ticket", (name, "InvalidField", "the field cannot be set like this"))

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

    @staticmethod
    def _statuses(board: Named) -> list[BoardStatus]:
        return [status for status in STATUSES if status.board_id == board.id]

    def _status(self, board: Named, reference: Reference) -> BoardStatus:
        for status in self._statuses(board):
            if reference.id == status.id or (reference.id is None and reference.name == status.name):
                return status
        raise invalid("ticket", ("status", "InvalidReference", "the board has no such status"))


def _find(records: tuple[Named, ...], reference: Reference | None, resource: str) -> Named | None:
    if reference is None:
        return None
    for record in records:
        if reference.id == record.id or (reference.id is None and reference.name == record.name):
            return record
    raise missing(resource.capitalize(), reference.id or reference.name)


def _require_display(body: NoteBody) -> None:
    if not (body.detail_description_flag or body.internal_analysis_flag or body.resolution_flag):
        raise invalid("TicketNote", ("detailDescriptionFlag", "InvalidObject", DISPLAY_REFUSAL))


def _now() -> datetime:
    return datetime.now(UTC)
