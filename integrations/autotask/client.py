"""Calls to the Autotask PSA REST API for one connection."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from integrations.answers import NotFoundError
from integrations.autotask import mapping
from integrations.autotask.api import Api, where
from integrations.autotask.names import Memory, Names, record, written_id
from integrations.autotask.registration import Webhooks
from integrations.autotask.zones import Zones
from integrations.errors import AmbiguousError, RejectedError, UnreachableError
from integrations.ports import ChangedTicket, Link, NotePush, PsaNote, PsaTicket, Registration, TimePush
from integrations.redaction import safe_text

#: Developer help, "Authentication": sent as headers with every call.
HEADERS = {"integration_code": "ApiIntegrationCode", "username": "UserName", "secret": "Secret"}
CREDENTIAL_NAMES: tuple[str, ...] = tuple(HEADERS)
#: Optional credential: the resource id of the API user, under which this service's own changes appear.
API_RESOURCE = "api_resource_id"
#: Optional credential: the role under which time is entered; it must be valid for every technician.
TIME_ROLE = "time_role_id"
OPTIONAL_CREDENTIALS: tuple[str, ...] = (API_RESOURCE, TIME_ROLE)

RECORD_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


class AutotaskClient:
    """One connection's Autotask. Raises the CallErrors of integrations.errors."""

    def __init__(self, link: Link, memory: Memory) -> None:
        username = link.credentials["username"]
        headers = {header: link.credentials[name] for name, header in HEADERS.items()}
        own = link.credentials.get(API_RESOURCE)
        self._own_resource = int(own) if own else None
        self._time_role = link.credentials.get(TIME_ROLE)
        self._api = Api(link, headers, Zones(link, username, memory.zones))
        self._names = Names(self._api, memory, (link.connection_id, link.base_url, username))
        secret = link.webhook_secrets[0] if link.webhook_secrets else ""
        self._webhooks = Webhooks(self._api, self._names, secret=secret, own_resource=own)

    def check(self) -> str:
        """Read one ticket id and the tenant's use of its quota: proves zone, credentials and rights."""
        self._api.first("Tickets", [where("id", 0, "gt")])
        used = record(mapping.Threshold, self._api.read("/ThresholdInformation"))
        count, threshold = used.current_timeframe_request_count, used.external_request_threshold
        return (
            f"Autotask at {self._api.host} answered and let tickets be read; "
            f"the tenant used {count} of its {threshold} requests an hour"
        )

    def ticket(self, ticket_id: str) -> PsaTicket | None:
        """Return the ticket as it is now, or None where Autotask has no such ticket."""
        found = self._ticket(ticket_id) if RECORD_ID.fullmatch(ticket_id) else None
        if found is None:
            return None
        people = self._names.people([found.assigned_resource_id])
        return PsaTicket(
            ticket_id=str(found.id),
            summary=found.title or "",
            status=self._label("status", found.status) or "",
            closed=found.status == mapping.COMPLETE,
            board=self._label("queueID", found.queue_id),
            type=self._label("ticketType", found.ticket_type),
            priority=self._label("priority", found.priority),
            company=self._names.company(found.company_id),
            assigned_to=people.get(found.assigned_resource_id or 0),
            merged_into=self._merged_into(found),
            version=found.version,
        )

    def notes(self, ticket_id: str, *, after_id: str | None = None) -> list[PsaNote]:
        """Return the notes that people wrote, newer than `after_id`, oldest first, all pages."""
        newer = [where("id", _record_id(after_id), "gt")] if after_id is not None else []
        notes = [note for note in self._notes(ticket_id, *newer) if not note.of_the_system]
        people = self._names.people(note.creator_resource_id for note in notes)
        return [
            mapping.to_note(
                note,
                author=people.get(note.creator_resource_id or 0),
                own_resource=self._own_resource,
            )
            for note in notes
        ]

    def prepare_note(self, push: NotePush) -> bytes:
        """Return the exact request body that `send_note` will send. No I/O."""
        return mapping.note_body(push)

    def send_note(self, push: NotePush, body: bytes) -> str:
        """Write the note once and return its id. AmbiguousError where Autotask may have taken it."""
        return str(written_id(self._api.write("POST", f"/Tickets/{_record_id(push.ticket_id)}/Notes", body)))

    def find_note(self, ticket_id: str, marker: str) -> list[str]:
        """Return the ids of the ticket's notes that carry `marker`, oldest first."""
        return [
            str(note.id) for note in self._notes(ticket_id) if marker in f"{note.title}\n{note.description}"
        ]

    def set_status(self, ticket_id: str, status: str) -> None:
        """Set the status by name and read it back.

        Setting a status twice is the same as once, so a lost answer is UnreachableError: try again.
        """
        wanted = self._names.value("Tickets", "status", status)
        if self._ticket_there(ticket_id).status == wanted:
            return
        change = {"id": _record_id(ticket_id), "status": wanted}
        try:
            # the collection: a PATCH of /Tickets/{id} is answered 405
            self._api.write("PATCH", "/Tickets", mapping.as_json(change))
        except AmbiguousError as error:
            raise UnreachableError(str(error)) from None
        if self._ticket_there(ticket_id).status != wanted:
            raise UnreachableError(safe_text(f"Autotask has not taken the status {status} yet"))

    def prepare_time(self, push: TimePush) -> bytes:
        """Return the exact request body that `send_time` will send. Reads which resource the member is."""
        if not self._time_role:
            raise RejectedError(
                f"Autotask enters time under a role: give the connection the credential {TIME_ROLE}"
            )
        return mapping.time_body(
            push,
            ticket_id=_record_id(push.ticket_id),
            resource_id=self._names.resource_id(push.member),
            role_id=int(self._time_role),
        )

    def send_time(self, push: TimePush, body: bytes) -> str:  # noqa: ARG002 (the body names the ticket)
        """Write the time entry once and return its id. AmbiguousError where Autotask may have taken it."""
        return str(written_id(self._api.write("POST", "/TimeEntries", body)))

    def find_time(self, ticket_id: str, marker: str) -> list[str]:
        """Return the ids of the ticket's time entries that carry `marker`, oldest first."""
        listed = self._api.query("TimeEntries", [where("ticketID", _record_id(ticket_id))])
        entries = sorted((record(mapping.TimeEntry, item) for item in listed), key=lambda entry: entry.id)
        return [str(entry.id) for entry in entries if marker in (entry.summary_notes or "")]

    def changed_since(self, moment: datetime) -> Iterable[ChangedTicket]:
        """Return the tickets with activity after `moment`, longest unchanged first, all pages.

        `lastActivityDate` moves with notes and time; `lastTrackedModificationDateTime` does not.
        """
        since = moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        listed = self._api.query(
            "Tickets", [where("lastActivityDate", since, "gt")], ["id", "lastActivityDate"]
        )
        found = [record(mapping.ChangedAt, item) for item in listed]
        found.sort(key=lambda change: (change.at, change.id))  # pages come by id
        return [ChangedTicket(str(change.id), change.last_activity_date) for change in found]

    def registration(self, webhook_url: str) -> Registration:
        """Return what is registered for this URL, and what is wrong with it."""
        return self._webhooks.registration(webhook_url)

    def register(self, webhook_url: str) -> Registration:
        """Make exactly one webhook for tickets and one for notes; re-arm, complete, remove the others."""
        return self._webhooks.register(webhook_url)

    def _ticket(self, ticket_id: str) -> mapping.Ticket | None:
        found = self._api.item(f"/Tickets/{_record_id(ticket_id)}")
        return None if found is None else record(mapping.Ticket, found)

    def _ticket_there(self, ticket_id: str) -> mapping.Ticket:
        found = self._ticket(ticket_id)
        if found is None:
            raise NotFoundError(f"Autotask has no ticket {ticket_id}")
        return found

    def _notes(self, ticket_id: str, *filters: Any) -> list[mapping.Note]:
        """Always by ticket: without that filter, Autotask searches the notes of the whole tenant."""
        of_ticket = where("ticketID", _record_id(ticket_id))
        listed = self._api.query("TicketNotes", [of_ticket, *filters])
        return sorted((record(mapping.Note, item) for item in listed), key=lambda note: note.id)

    def _merged_into(self, ticket: mapping.Ticket) -> str | None:
        """A merged ticket is complete; only its last merge note names the ticket that took its place."""
        if ticket.status != mapping.COMPLETE:
            return None
        notes = self._notes(str(ticket.id), where("noteType", mapping.MERGED_NOTE_TYPE))
        numbers = [
            n for note in notes for n in mapping.TICKET_NUMBER.findall(f"{note.title} {note.description}")
        ]
        others = [number for number in numbers if number != ticket.ticket_number]
        if not others:
            return None
        found = self._api.query("Tickets", [where("ticketNumber", others[-1])], ["id"])
        return next((str(record(mapping.Identified, item).id) for item in found), None)

    def _label(self, name: str, value: int | None) -> str | None:
        return self._names.label("Tickets", name, value)


def _record_id(value: str) -> int:
    if not RECORD_ID.fullmatch(value):
        raise RejectedError("Autotask's ids are positive whole numbers")
    return int(value)
