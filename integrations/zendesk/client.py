"""Calls to the Zendesk REST API for one connection."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NoReturn

from integrations.answers import NotFoundError
from integrations.errors import RejectedError, UnreachableError
from integrations.ports import ChangedTicket, Link, NotePush, PsaNote, PsaTicket, Registration, TimePush
from integrations.redaction import safe_text
from integrations.zendesk import changes, mapping, registration
from integrations.zendesk.api import Api
from integrations.zendesk.lists import CommentPage

#: The name of a 404 for a record, as opposed to a path or a site that does not exist (API reference, errors).
NO_RECORD = "RecordNotFound"

NO_TIME = "Zendesk keeps no time entries; set `time: false` in the connection's rules"


class ZendeskClient:
    """One connection's Zendesk. Raises the CallErrors of integrations.errors."""

    def __init__(self, link: Link) -> None:
        self._email = link.credentials["email"]
        self._api = Api(link)

    def check(self) -> str:
        """Ask who the credentials are. Zendesk answers even to nobody, as to an end user without an id."""
        user = self._api.record(mapping.Me, "/users/me").user
        if user.role not in mapping.STAFF:
            raise RejectedError("Zendesk answered, but not as to an agent: check the credentials")
        return f"Zendesk at {self._api.host} answered; {self._email} is its {user.role}"

    def ticket(self, ticket_id: str) -> PsaTicket | None:
        """Return the ticket as it is now, or None where Zendesk has no such ticket."""
        if not mapping.RECORD_ID.fullmatch(ticket_id):
            return None
        try:
            return mapping.to_ticket(self._ticket(ticket_id))
        except NotFoundError as error:
            if NO_RECORD not in str(error):
                raise
            return None

    def notes(self, ticket_id: str, *, after_id: str | None = None) -> list[PsaNote]:
        """Return the ticket's comments newer than `after_id`, oldest first, all pages.

        Zendesk cannot be asked for the newer ones alone.
        """
        after = 0 if after_id is None else int(_record_id(after_id))
        pages = list(self._api.pages(CommentPage, f"{_path(ticket_id)}/comments", {"include": "users"}))
        users = {user.id: user for page in pages for user in page.users if user.id is not None}
        comments = [comment for page in pages for comment in page.comments]
        found = mapping.to_notes(comments, users, self._email)
        return [note for note in found if int(note.note_id) > after]

    def prepare_note(self, push: NotePush) -> bytes:
        """Return the exact request body that `send_note` will send. No I/O."""
        return mapping.note_body(push)

    def send_note(self, push: NotePush, body: bytes) -> str:
        """Write the comment once and return its id. AmbiguousError where Zendesk may have taken it."""
        return self._api.add_comment(_path(push.ticket_id), body)

    def find_note(self, ticket_id: str, marker: str) -> list[str]:
        """Return the ids of the ticket's comments that carry `marker`, oldest first."""
        return [note.note_id for note in self.notes(ticket_id) if marker in note.text]

    def set_status(self, ticket_id: str, status: str) -> None:
        """Set the status by name, then read it back: a customer's business rules may have changed it.

        Setting a status twice is the same as once, so a lost answer is UnreachableError: try again.
        """
        wanted = _status_named(status)
        if self._ticket(ticket_id).ticket.status == wanted:
            return
        self._api.repeatable("PUT", _path(ticket_id), mapping.status_body(wanted))
        if self._ticket(ticket_id).ticket.status != wanted:
            raise UnreachableError(f"Zendesk does not show the status {mapping.NAMES[wanted]} yet")

    def prepare_time(self, push: TimePush) -> NoReturn:  # noqa: ARG002 (the port's)
        """Refuse: Zendesk has no record of time (its Time Tracking app keeps sums in ticket fields)."""
        raise RejectedError(NO_TIME)

    def send_time(self, push: TimePush, body: bytes) -> NoReturn:  # noqa: ARG002 (the port's)
        """Refuse, as `prepare_time` does."""
        raise RejectedError(NO_TIME)

    def find_time(self, ticket_id: str, marker: str) -> list[str]:  # noqa: ARG002 (the port's)
        """Return none: none can have been written."""
        return []

    def changed_since(self, moment: datetime) -> Iterator[ChangedTicket]:
        """Yield the tickets changed since `moment`, the longest unchanged first, all pages."""
        return changes.changed_since(self._api, moment, now=datetime.now(UTC))

    def registration(self, webhook_url: str) -> Registration:
        """Return which webhooks call this URL, and what is wrong with them."""
        return registration.registration(self._api, webhook_url)

    def register(self, webhook_url: str) -> Registration:
        """Leave exactly one active webhook for this URL. Safe to repeat."""
        return registration.register(self._api, webhook_url)

    def _ticket(self, ticket_id: str) -> mapping.ShownTicket:
        include = {"include": "users,groups,organizations"}
        return self._api.record(mapping.ShownTicket, _path(ticket_id), include)


def _path(ticket_id: str) -> str:
    return f"/tickets/{_record_id(ticket_id)}"


def _record_id(value: str) -> str:
    if not mapping.RECORD_ID.fullmatch(value):
        raise RejectedError("Zendesk's ids are positive whole numbers")
    return value


def _status_named(name: str) -> str:
    for known, wire in mapping.STATUSES.items():
        if known.casefold() == name.strip().casefold():
            return wire
    raise RejectedError(safe_text(f"Zendesk has no status {name}; it has: {', '.join(mapping.STATUSES)}"))
