"""The simulated Autotask: its records, and one announcement for every change of a ticket or note."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from integrations.autotask.simulator.bodies import NoteBody, NotePatch, TimeBody
from integrations.autotask.simulator.errors import RefusedError, denied, unknown_reference
from integrations.autotask.simulator.picklists import (
    COMPLETE,
    RESOURCES,
    Picklists,
    fresh_id,
    resource,
)
from integrations.autotask.simulator.records import Company, ErrorLog, Note, Shown, Ticket, TimeEntry, Webhook

FIRST_TICKET_ID = 120_345
MERGED, ABSORBED = 93, 94
INTERNAL = 2
MILLISECOND = timedelta(milliseconds=1)
TICKET, TICKET_NOTE = "Ticket", "TicketNote"


@dataclass(frozen=True, slots=True)
class Change:
    """A saved change. `values` are the record's fields as the API shows them; `changed` are their names."""

    entity: str
    action: str
    record_id: int
    person: int
    changed: frozenset[str]
    values: dict[str, Any]


Announce = Callable[[Change], None]


@dataclass(slots=True)
class Identity:
    """Whom the simulator lets in."""

    integration_code: str = "TRACKING-CODE"
    username: str = "api@acme.example"
    secret: str = field(default="api-secret", repr=False)


class World:
    """All records. Every method is one step under a lock; changes are announced outside of it."""

    def __init__(self, identity: Identity | None = None) -> None:
        self.identity = identity or Identity()
        self.announce: Announce = lambda _change: None
        self.lock = threading.RLock()
        self.picklists = Picklists()
        self._moment = datetime.now(UTC)
        self.reset()

    def reset(self) -> None:
        """Forget every record but picklists and people."""
        with self.lock:
            self._tickets: dict[int, Ticket] = {}
            self._notes: dict[int, Note] = {}
            self._times: dict[int, TimeEntry] = {}
            self.webhooks: dict[str, dict[int, Webhook]] = {TICKET: {}, TICKET_NOTE: {}}
            self.error_logs: list[ErrorLog] = []
            self._companies: dict[int, Company] = {}
            #: Entities that the API user may not write, as a security level may say.
            self.denied: set[str] = set()
            self._ticket_ids, self._ids = count(FIRST_TICKET_ID), count(1)

    def next_id(self) -> int:
        with self.lock:
            return next(self._ids)

    def require_right(self, entity: str, deed: str) -> None:
        if entity in self.denied:
            raise denied(deed)

    def records(self, entity: str) -> list[dict[str, Any]]:
        """Return every record of an entity as the API shows it, by id."""
        with self.lock:
            kept: dict[str, Iterable[Shown]] = {
                "Tickets": self._tickets.values(),
                "TicketNotes": self._notes.values(),
                "TimeEntries": self._times.values(),
                "Resources": RESOURCES,
                "Companies": self._companies.values(),
                "TicketWebhooks": self.webhooks[TICKET].values(),
                "TicketNoteWebhooks": self.webhooks[TICKET_NOTE].values(),
                "WebhookEventErrorLogs": self.error_logs,
            }
            return [record.as_json() for record in kept[entity]]

    def company_id(self, name: str) -> int:
        """Companies come into being when they are first named."""
        with self.lock:
            for company in self._companies.values():
                if company.name == name:
                    return company.id
            company = Company(fresh_id(), name)
            self._companies[company.id] = company
            return company.id

    def has_company(self, company_id: int) -> bool:
        return company_id in self._companies

    def ticket(self, ticket_id: int) -> dict[str, Any] | None:
        with self.lock:
            ticket = self._tickets.get(ticket_id)
            return ticket.as_json() if ticket else None

    def create_ticket(self, values: dict[str, Any], person: int) -> int:
        now = self._now()
        with self.lock:
            self.picklists.require(values)
            ticket_id = next(self._ticket_ids)
            number = f"T{now:%Y%m%d}.{ticket_id % 10_000:04}"
            ticket = Ticket(ticket_id, number, values, now, now)
            self._tickets[ticket.id] = ticket
        self._announce_ticket("Create", ticket, person, values)
        return ticket.id

    def change_ticket(self, ticket_id: int, changes: dict[str, Any], person: int) -> None:
        with self.lock:
            ticket = self._ticket(ticket_id)
            self.picklists.require(changes)
            changed = {name: value for name, value in changes.items() if ticket.values.get(name) != value}
            ticket.values |= changed
            ticket.active_at = self._now()
        self._announce_ticket("Update", ticket, person, changed)

    def delete_ticket(self, ticket_id: int, person: int) -> None:
        with self.lock:
            ticket = self._tickets.pop(self._ticket(ticket_id).id)
            self._notes = {n.id: n for n in self._notes.values() if n.ticket_id != ticket_id}
        self._announce_ticket("Delete", ticket, person, {})

    def add_note(self, ticket_id: int, body: NoteBody, person: int, *, contact: int | None = None) -> int:
        now = self._now()
        with self.lock:
            ticket = self._ticket(ticket_id)
            self.picklists.require(body.given())
            note = Note(
                id=next(self._ids),
                ticket_id=ticket_id,
                title=body.title,
                description=body.description,
                note_type=body.note_type,
                publish=body.publish,
                creator=None if contact else person,
                created_at=now,
                active_at=now,
                contact=contact,
            )
            self._notes[note.id] = note
            ticket.active_at = now
        self._announce_note("Create", note, contact or person, {"title", "description"})
        return note.id

    def change_note(self, ticket_id: int, body: NotePatch, person: int) -> None:
        with self.lock:
            note = self._note(ticket_id, body.id)
            note.title = body.title or note.title
            note.description = body.description or note.description
            note.active_at = self._ticket(ticket_id).active_at = self._now()
        self._announce_note("Update", note, person, set(body.given()) - {"id"})

    def delete_note(self, ticket_id: int, note_id: int, person: int) -> None:
        with self.lock:
            note = self._notes.pop(self._note(ticket_id, note_id).id)
            self._ticket(ticket_id).active_at = self._now()
        self._announce_note("Delete", note, person, set())

    def add_time(self, body: TimeBody) -> int:
        with self.lock:
            ticket = self._ticket(body.ticket_id)
            worker = resource(body.resource_id)
            if body.role_id not in worker.role_ids:
                raise unknown_reference("roleID", "Role")
            if body.start_date_time and body.end_date_time and body.end_date_time <= body.start_date_time:
                raise RefusedError("Invalid value: endDateTime must be after startDateTime.")
            entry = TimeEntry(next(self._ids), body.given(), self._now())
            self._times[entry.id] = entry
            ticket.active_at = entry.created_at
        return entry.id

    def merge_ticket(self, source_id: int, into_id: int, person: int) -> None:
        """The source is completed and stays; both get a system note that names the other one's number."""
        with self.lock:
            source, into = self._ticket(source_id), self._ticket(into_id)
        for ticket, title, text, kind in (
            (source, "Merged Into Ticket", f"Merged into ticket {into.number}", MERGED),
            (into, "This ticket absorbed ticket(s)", f"Absorbed {source.number}", ABSORBED),
        ):
            note = {"title": title, "description": text, "noteType": kind, "publish": INTERNAL}
            self.add_note(ticket.id, NoteBody.model_validate(note), person)
        self.change_ticket(source_id, {"status": COMPLETE}, person)

    def _now(self) -> datetime:
        """Never the same millisecond twice, so that each change shows in what the API says."""
        with self.lock:
            self._moment = max(datetime.now(UTC), self._moment + MILLISECOND)
            return self._moment

    def _ticket(self, ticket_id: int) -> Ticket:
        if ticket_id not in self._tickets:
            raise unknown_reference("ticketID", TICKET)
        return self._tickets[ticket_id]

    def _note(self, ticket_id: int, note_id: int) -> Note:
        note = self._notes.get(note_id)
        if note is None or note.ticket_id != ticket_id:
            raise unknown_reference("id", TICKET_NOTE)
        return note

    def _announce_ticket(self, action: str, ticket: Ticket, person: int, changed: dict[str, Any]) -> None:
        values = {} if action == "Delete" else ticket.as_json()
        self.announce(Change(TICKET, action, ticket.id, person, frozenset(changed), values))

    def _announce_note(self, action: str, note: Note, person: int, changed: set[str]) -> None:
        self.announce(Change(TICKET_NOTE, action, note.id, person, frozenset(changed), note.as_json()))
