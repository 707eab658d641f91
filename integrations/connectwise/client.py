"""Calls to the ConnectWise PSA REST API for one connection."""

import base64
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from integrations.answers import Answer, NotFoundError
from integrations.connectwise import mapping
from integrations.errors import AmbiguousError, PayloadError, RejectedError, UnreachableError
from integrations.http import HttpApi
from integrations.ports import Link, NotePush, PsaNote, PsaTicket
from integrations.redaction import safe_text

#: Developer Guide, "Authentication".
CREDENTIAL_NAMES: tuple[str, ...] = ("company", "public_key", "private_key", "client_id")
#: Optional credential: the API member's identifier, under which this service's own notes appear.
API_MEMBER = "api_member"
#: ConnectWise appends the record's id to the URL as it stands, so the URL ends with an open parameter
#: (Developer Guide, "Callbacks").
RECORD_ID_PARAMETER = "recordId"

#: Developer Guide, "Cloud URLs". The path that names no release stays valid through upgrades.
API_PATH = "/v4_6_release/apis/3.0"
#: Developer Guide, "Versioning": without it an upgrade may change the answers.
ACCEPT = "application/vnd.connectwise.com+json; version=2025.1"

#: The vendor's maximum is 1 000 records; a page of that many full notes would be slow to come.
PAGE_SIZE = 250
#: 25 000 notes in one ticket is not a ticket any more; an endless listing must end somewhere.
MAX_PAGES = 100

RECORD_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
#: The message of a path that does not exist, as opposed to a record (seen by integrators on cloud hosts).
NO_ENDPOINT = "endpoint does not exist"


class ConnectWiseClient:
    """One connection's ConnectWise. Raises the CallErrors of integrations.errors."""

    def __init__(self, link: Link) -> None:
        company, public, private, client_id = (link.credentials[name] for name in CREDENTIAL_NAMES)
        token = base64.b64encode(f"{company}+{public}:{private}".encode()).decode()
        self._host = urlsplit(link.base_url).netloc
        self._company = company
        self._own_members = frozenset({(link.credentials.get(API_MEMBER) or public).casefold()})
        self._api = HttpApi(
            link.base_url.rstrip("/") + API_PATH,
            {"Authorization": f"Basic {token}", "clientId": client_id, "Accept": ACCEPT},
            secrets=(public, private, client_id, token),
            words=mapping.words,
            allow_private_hosts=link.allow_private_hosts,
            pace=link.pace,
        )

    def check(self) -> str:
        """Read one ticket id: proves the address, the credentials and the right to read tickets."""
        self._list("/service/tickets", {"pageSize": 1, "fields": "id"})
        return f"ConnectWise at {self._host} answered; company {self._company} may read tickets"

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

    def tickets_changed_since(self, moment: datetime) -> Iterator[str]:
        """Yield the ids of tickets saved after `moment`, the longest unchanged first, all pages."""
        since = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        conditions = {"conditions": f"lastUpdated > [{since}]", "orderBy": "lastUpdated asc", "fields": "id"}
        for item in self._pages("/service/tickets", conditions):
            yield str(_record(mapping.Identified, item).id)

    def notes(self, ticket_id: str, *, after_id: str | None = None) -> list[PsaNote]:
        """Return the ticket's notes newer than `after_id`, oldest first, all pages."""
        params = {"orderBy": "id asc"}
        if after_id is not None:
            params["conditions"] = f"id > {_record_id(after_id)}"
        return [self._note(item) for item in self._pages(f"{_path(ticket_id)}/notes", params)]

    def prepare_note(self, push: NotePush) -> bytes:
        """Return the exact request body that `send_note` will send. No I/O."""
        return mapping.note_body(push)

    def send_note(self, push: NotePush, body: bytes) -> str:
        """Write the note once and return its id. AmbiguousError where ConnectWise may have taken it."""
        answer = self._api.write("POST", f"{_path(push.ticket_id)}/notes", body)
        try:
            return str(mapping.read_record(mapping.Identified, answer.json()).id)
        except PayloadError:
            raise AmbiguousError(f"HTTP {answer.status}: the answer names no note") from None

    def find_note(self, ticket_id: str, marker: str) -> list[str]:
        """Return the ids of the ticket's notes that carry `marker`, oldest first."""
        listed = self._pages(f"{_path(ticket_id)}/notes", {"orderBy": "id desc"})
        notes = (self._note(item) for item in listed)
        return [note.note_id for note in notes if marker in note.text][::-1]

    def set_status(self, ticket_id: str, status: str) -> None:
        """Set the status by name, then read it back: a PATCH may be answered 200 and change nothing.

        Setting a status twice is the same as once, so a lost answer is UnreachableError: try again.
        """
        ticket = self._ticket(_record_id(ticket_id))
        wanted = self._status_named(ticket, status)
        if ticket.status.id == wanted.id:
            return
        try:
            self._api.write("PATCH", _path(ticket_id), mapping.status_patch(wanted.id))
        except AmbiguousError as error:
            raise UnreachableError(str(error)) from None
        if self._ticket(ticket_id).status.id != wanted.id:
            raise UnreachableError(f"ConnectWise has not taken the status {wanted.name} yet")

    def register_webhook(self, url: str) -> str:
        """Make ConnectWise call `url` for every ticket, once, and return the callback's id.

        An inactive entry for the same URL is replaced, which arms it again.
        """
        target = url if "?" in url else f"{url}?{RECORD_ID_PARAMETER}="
        entries = [_record(mapping.Callback, item) for item in self._pages("/system/callbacks", {})]
        for entry in (entry for entry in entries if entry.url == target):
            if not entry.inactive:
                return str(entry.id)
            self._api.write("DELETE", f"/system/callbacks/{entry.id}", b"")
        answer = self._api.write("POST", "/system/callbacks", mapping.callback_body(target))
        return str(_record(mapping.Identified, _json(answer)).id)

    def _ticket(self, ticket_id: str) -> mapping.Ticket:
        return _record(mapping.Ticket, _json(self._api.read(_path(ticket_id))))

    def _statuses(self, ticket: mapping.Ticket) -> list[mapping.Status]:
        if ticket.board is None or ticket.board.id is None:
            return []
        path = f"/service/boards/{ticket.board.id}/statuses"
        return [_record(mapping.Status, item) for item in self._pages(path, {})]

    def _status_named(self, ticket: mapping.Ticket, name: str) -> mapping.Status:
        usable = [status for status in self._statuses(ticket) if not status.inactive]
        for status in usable:
            if status.name.casefold() == name.strip().casefold():
                return status
        known = ", ".join(status.name for status in usable) or "none"
        raise RejectedError(safe_text(f"the ticket's board has no status {name}; it has: {known}"))

    def _note(self, item: Any) -> PsaNote:
        return mapping.to_note(_record(mapping.Note, item), own_members=self._own_members)

    def _pages(self, path: str, params: Mapping[str, str | int]) -> Iterator[Any]:
        for page in range(1, MAX_PAGES + 1):
            items, more = self._list(path, {**params, "pageSize": PAGE_SIZE, "page": page})
            yield from items
            if not more:
                return
        raise RejectedError(f"the list has more than {MAX_PAGES * PAGE_SIZE} records")

    def _list(self, path: str, params: Mapping[str, str | int]) -> tuple[list[Any], bool]:
        answer = self._api.read(path, params)
        items = _json(answer)
        if not isinstance(items, list):
            raise UnreachableError("ConnectWise answered without a list")
        return items, answer.has_next_page


def _path(ticket_id: str) -> str:
    return f"/service/tickets/{_record_id(ticket_id)}"


def _record_id(value: str) -> str:
    if not RECORD_ID.fullmatch(value):
        raise RejectedError("ConnectWise's ids are positive whole numbers")
    return value


def _json(answer: Answer) -> Any:
    try:
        return answer.json()
    except PayloadError:
        raise UnreachableError(f"HTTP {answer.status}: the answer cannot be read") from None


def _record(model: type[mapping.Model], value: Any) -> mapping.Model:
    try:
        return mapping.read_record(model, value)
    except PayloadError as error:
        raise UnreachableError(str(error)) from None
