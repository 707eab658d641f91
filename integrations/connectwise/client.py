"""Calls to the ConnectWise PSA REST API for one connection."""

import re
from collections.abc import Iterator
from datetime import datetime

from integrations.answers import NotFoundError
from integrations.connectwise import callbacks, changes, mapping
from integrations.connectwise.api import CREDENTIAL_NAMES, Api
from integrations.errors import RejectedError, UnreachableError
from integrations.ports import ChangedTicket, Link, NotePush, PsaNote, PsaTicket, Registration, TimePush
from integrations.redaction import safe_text

#: Optional credential: the API member's identifier, under which this service's own notes appear.
API_MEMBER = "api_member"

RECORD_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
#: The message of a path that does not exist, as opposed to a record (seen by integrators on cloud hosts).
NO_ENDPOINT = "endpoint does not exist"

TIME_ENTRIES = "/time/entries"


class ConnectWiseClient:
    """One connection's ConnectWise. Raises the CallErrors of integrations.errors."""

    def __init__(self, link: Link) -> None:
        _, public, *_ = (link.credentials[name] for name in CREDENTIAL_NAMES)
        self._own_members = frozenset({(link.credentials.get(API_MEMBER) or public).casefold()})
        self._api = Api(link)

    def check(self) -> str:
        """Read one ticket id: proves the address, the credentials and the right to read tickets."""
        self._api.page(mapping.Identified, "/service/tickets", {"pageSize": 1, "fields": "id"})
        return f"ConnectWise at {self._api.host} answered; company {self._api.company} may read tickets"

    def ticket(self, ticket_id: str) -> PsaTicket | None:
        """Return the ticket as it is now, or None where ConnectWise has no such ticket."""
        if not RECORD_ID.fullmatch(ticket_id):
            return None
        try:
            ticket = self._ticket(ticket_id)
        except NotFoundError as error:
            if NO_ENDPOINT in str(error):
                raise
            return None
        return mapping.to_ticket(ticket)

    def changed_since(self, moment: datetime) -> Iterator[ChangedTicket]:
        """Yield the tickets saved since `moment`, the longest unchanged first, all pages."""
        return changes.changed_since(self._api, moment)

    def notes(self, ticket_id: str, *, after_id: str | None = None) -> list[PsaNote]:
        """Return the ticket's notes newer than `after_id`, oldest first, all pages."""
        params = {"orderBy": "id asc"}
        if after_id is not None:
            params["conditions"] = f"id > {_record_id(after_id)}"
        listed = self._api.records(mapping.Note, f"{_path(ticket_id)}/notes", params)
        return [mapping.to_note(note, own_members=self._own_members) for note in listed]

    def prepare_note(self, push: NotePush) -> bytes:
        """Return the exact request body that `send_note` will send. No I/O."""
        return mapping.note_body(push)

    def send_note(self, push: NotePush, body: bytes) -> str:
        """Write the note once and return its id. AmbiguousError where ConnectWise may have taken it."""
        return self._api.create(f"{_path(push.ticket_id)}/notes", body)

    def find_note(self, ticket_id: str, marker: str) -> list[str]:
        """Return the ids of the ticket's notes that carry `marker`, oldest first."""
        notes = self._api.records(mapping.Note, f"{_path(ticket_id)}/notes", {"orderBy": "id asc"})
        return [str(note.id) for note in notes if marker in (note.text or "")]

    def set_status(self, ticket_id: str, status: str) -> None:
        """Set the status by name, then read it back: a PATCH may be answered 200 and change nothing.

        Setting a status twice is the same as once, so a lost answer is UnreachableError: try again.
        """
        ticket = self._ticket(_record_id(ticket_id))
        wanted = self._status_named(ticket, status)
        if ticket.status.id == wanted.id:
            return
        self._api.repeatable("PATCH", _path(ticket_id), mapping.status_patch(wanted.id))
        if self._ticket(ticket_id).status.id != wanted.id:
            raise UnreachableError(f"ConnectWise has not taken the status {wanted.name} yet")

    def prepare_time(self, push: TimePush) -> bytes:
        """Return the exact request body that `send_time` will send. No I/O."""
        return mapping.time_body(push, int(_record_id(push.ticket_id)))

    def send_time(self, push: TimePush, body: bytes) -> str:  # noqa: ARG002 (the body names the ticket)
        """Write the time entry once and return its id. AmbiguousError where ConnectWise may have taken it."""
        return self._api.create(TIME_ENTRIES, body)

    def find_time(self, ticket_id: str, marker: str) -> list[str]:
        """Return the ids of the ticket's time entries that carry `marker`, oldest first."""
        of_ticket = f'chargeToType = "{mapping.CHARGED_TO}" and chargeToId = {_record_id(ticket_id)}'
        params = {"conditions": of_ticket, "orderBy": "id asc"}
        entries = self._api.records(mapping.TimeEntry, TIME_ENTRIES, params)
        return [str(entry.id) for entry in entries if marker in (entry.notes or "")]

    def registration(self, webhook_url: str) -> Registration:
        """Return which callbacks call this URL, and what is wrong with them."""
        return callbacks.registration(self._api, webhook_url)

    def register(self, webhook_url: str) -> Registration:
        """Leave exactly one live callback for this URL. Safe to repeat."""
        return callbacks.register(self._api, webhook_url)

    def _ticket(self, ticket_id: str) -> mapping.Ticket:
        return self._api.record(mapping.Ticket, _path(ticket_id))

    def _statuses(self, ticket: mapping.Ticket) -> list[mapping.Status]:
        if ticket.board is None or ticket.board.id is None:
            return []
        return list(self._api.records(mapping.Status, f"/service/boards/{ticket.board.id}/statuses", {}))

    def _status_named(self, ticket: mapping.Ticket, name: str) -> mapping.Status:
        usable = [status for status in self._statuses(ticket) if not status.inactive]
        for status in usable:
            if status.name.casefold() == name.strip().casefold():
                return status
        known = ", ".join(status.name for status in usable) or "none"
        raise RejectedError(safe_text(f"the ticket's board has no status {name}; it has: {known}"))


def _path(ticket_id: str) -> str:
    return f"/service/tickets/{_record_id(ticket_id)}"


def _record_id(value: str) -> str:
    if not RECORD_ID.fullmatch(value):
        raise RejectedError("ConnectWise's ids are positive whole numbers")
    return value
