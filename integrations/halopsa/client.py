"""Calls to HaloPSA for one connection."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from integrations.answers import Answer, NotFoundError
from integrations.errors import AmbiguousError, PayloadError, RejectedError, UnreachableError
from integrations.halopsa import mapping, records
from integrations.halopsa.api import HaloApi, Params
from integrations.halopsa.changes import changed_tickets
from integrations.halopsa.listing import items, record_count
from integrations.halopsa.oauth import Tokens
from integrations.halopsa.registration import Wanted, look, make
from integrations.halopsa.settings import read_settings
from integrations.ports import (
    ChangedTicket,
    Link,
    NotePush,
    PsaNote,
    PsaTicket,
    Registration,
    TimePush,
)
from integrations.redaction import safe_text

RECORD_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)

#: Actions have no pages, only `count` (HaloPSA's swagger): asked for more until all have come.
FIRST_ACTIONS = 100
#: 25 000 actions in one ticket is not a ticket any more; a listing must end somewhere.
MAX_ACTIONS = 25_000

Result = TypeVar("Result")


class HaloPsaClient:
    """One connection's HaloPSA. Raises the CallErrors of integrations.errors."""

    def __init__(self, link: Link, tokens: Tokens) -> None:
        self._link = link
        self._settings = read_settings(link)
        self._api = HaloApi(link, tokens)

    def check(self) -> str:
        """Read one ticket: proves the address, the credentials and the right to read tickets."""
        seen = items(
            self._api.read("/Tickets", {"pageinate": "true", "page_size": 1, "page_no": 1}), "tickets"
        )
        host = urlsplit(self._link.base_url).netloc
        if not seen:
            return f"HaloPSA at {host} answered; the API agent sees no ticket: make it a member of the teams"
        return f"HaloPSA at {host} answered; the API agent may read tickets"

    def ticket(self, ticket_id: str) -> PsaTicket | None:
        """Return the ticket as it is now, or None where the API agent sees no such ticket."""
        if not RECORD_ID.fullmatch(ticket_id):
            return None
        try:
            ticket = self._ticket(ticket_id)
        except NotFoundError:
            return None
        if ticket.deleted:
            return None
        return mapping.to_ticket(
            ticket, status=self._status_name(ticket), ticket_type=self._type_name(ticket)
        )

    def notes(self, ticket_id: str, *, after_id: str | None = None) -> list[PsaNote]:
        """Return the ticket's notes newer than `after_id`, oldest first, all of them."""
        after = 0 if after_id is None else mapping.action_id(after_id)
        return [
            mapping.to_note(
                action,
                ticket_id=ticket_id,
                agent_id=self._settings.agent_id,
                application=self._settings.application,
            )
            for action in self._actions(ticket_id, {"excludesys": "true"})
            if action.id > after
        ]

    def prepare_note(self, push: NotePush) -> bytes:
        """Return the exact request body that `send_note` will send. No I/O."""
        _record_id(push.ticket_id)
        return mapping.note_body(push, outcome_id=self._settings.outcome_id)

    def send_note(self, push: NotePush, body: bytes) -> str:
        """Write the note once and return its id. AmbiguousError where HaloPSA may have taken it."""
        return self._send_action(push.ticket_id, body)

    def find_note(self, ticket_id: str, marker: str) -> list[str]:
        """Return the ids of the ticket's notes that carry `marker`, oldest first, system ones included."""
        return [
            mapping.note_id(ticket_id, action.id)
            for action in self._actions(ticket_id, {})
            if mapping.carries(action, marker)
        ]

    def set_status(self, ticket_id: str, status: str) -> None:
        """Set the status by name, then read it back: HaloPSA was seen to answer before it shows a change.

        Setting a status twice is the same as once, so a lost answer is UnreachableError: try again.
        """
        ticket = self._ticket(_record_id(ticket_id))
        wanted = self._status_named(status)
        if ticket.status_id == wanted.id:
            return
        self._repeatable(
            lambda: self._api.write("POST", "/Tickets", mapping.status_body(ticket_id, wanted.id))
        )
        if self._ticket(ticket_id).status_id != wanted.id:
            raise UnreachableError(f"HaloPSA has not taken the status {wanted.name} yet")

    def prepare_time(self, push: TimePush) -> bytes:
        """Return the exact request body that `send_time` will send. Reads the technician's name."""
        _record_id(push.ticket_id)
        name = self._agent_name(push.member)
        return mapping.time_body(push, agent_name=name, outcome_id=self._settings.outcome_id)

    def send_time(self, push: TimePush, body: bytes) -> str:
        """Write the time entry once and return its id: in HaloPSA it is an action like a note."""
        return self._send_action(push.ticket_id, body)

    def find_time(self, ticket_id: str, marker: str) -> list[str]:
        """Return the ids of the ticket's time entries that carry `marker`, oldest first."""
        return self.find_note(ticket_id, marker)

    def changed_since(self, moment: datetime) -> Iterable[ChangedTicket]:
        """Return the tickets with an action after `moment`, all pages, longest unchanged first."""
        return changed_tickets(self._api, moment)

    def registration(self, webhook_url: str) -> Registration:
        """Return what is registered for this URL, and what is wrong with it."""
        return look(self._api, self._wanted(webhook_url))

    def register(self, webhook_url: str) -> Registration:
        """Make exactly one active webhook with all its events. Safe to repeat, so a lost answer is too."""
        return self._repeatable(lambda: make(self._api, self._wanted(webhook_url)))

    def _wanted(self, webhook_url: str) -> Wanted:
        user, _, password = (self._link.webhook_secrets or (":",))[0].partition(":")
        return Wanted(webhook_url, user, password, self._settings.event_numbers)

    def _send_action(self, ticket_id: str, body: bytes) -> str:
        answer = self._api.write("POST", "/Actions", body)
        try:
            return mapping.note_id(ticket_id, _written(answer).id)
        except PayloadError:
            raise AmbiguousError(f"HTTP {answer.status}: the answer names no action") from None

    def _ticket(self, ticket_id: str) -> records.Ticket:
        value = self._api.read(
            f"/Tickets/{ticket_id}", {"includedetails": "true", "includelastaction": "false"}
        )
        return _record(records.Ticket, value)

    def _actions(self, ticket_id: str, params: Params) -> list[records.Action]:
        """Return all actions of the ticket by their number, whatever order they came in."""
        number, count = int(_record_id(ticket_id)), FIRST_ACTIONS
        while True:
            asked = {"ticket_id": number, "count": count, "includehtmlnote": "true", **params}
            value = self._api.read("/Actions", asked)
            came = items(value, "actions")
            total = record_count(value)
            if len(came) < count and (total is None or total <= len(came)):
                found = (_record(records.Action, item) for item in came)
                return sorted(found, key=lambda action: action.id)
            if count >= MAX_ACTIONS:
                raise RejectedError(f"the ticket has more than {MAX_ACTIONS} actions")
            count = min(max(count * 2, (total or 0) + 1), MAX_ACTIONS)

    def _statuses(self) -> Iterator[records.Status]:
        for item in items(self._api.read("/Status"), "statuses"):
            yield _record(records.Status, item)

    def _status_name(self, ticket: records.Ticket) -> str:
        if ticket.status_name:
            return ticket.status_name
        found = (status.name for status in self._statuses() if status.id == ticket.status_id)
        return next(found, str(ticket.status_id))

    def _status_named(self, name: str) -> records.Status:
        usable = list(self._statuses())
        for status in usable:
            if status.name.casefold() == name.strip().casefold():
                return status
        known = ", ".join(status.name for status in usable) or "none"
        raise RejectedError(safe_text(f"HaloPSA has no status {name}; it has: {known}"))

    def _type_name(self, ticket: records.Ticket) -> str | None:
        if ticket.tickettype_name or not ticket.tickettype_id:
            return ticket.tickettype_name
        try:
            found = self._api.read(f"/TicketType/{ticket.tickettype_id}")
        except NotFoundError:
            return None
        return _record(records.Named, found).name

    def _agent_name(self, member: str) -> str:
        if not RECORD_ID.fullmatch(member):
            raise RejectedError("a member of HaloPSA is the agent's number: set the user's PSA member to it")
        try:
            name = _record(records.Named, self._api.read(f"/Agent/{member}")).name
        except NotFoundError:
            raise RejectedError(f"HaloPSA has no agent {member}: set the user's PSA member anew") from None
        if not name:
            raise UnreachableError(f"HaloPSA gave no name for the agent {member}")
        return name

    @staticmethod
    def _repeatable(write: Callable[[], Result]) -> Result:
        try:
            return write()
        except AmbiguousError as error:
            raise UnreachableError(str(error)) from None


def _written(answer: Answer) -> records.Action:
    """HaloPSA answers the last action alone, or with `returnall` all of them."""
    value = answer.json()
    if isinstance(value, list):
        value = value[-1] if value else None
    action = records.read_record(records.Action, value)
    if action.id <= 0:
        raise PayloadError("the action has no number")
    return action


def _record_id(value: str) -> str:
    if not RECORD_ID.fullmatch(value):
        raise RejectedError("HaloPSA's ticket ids are positive whole numbers")
    return value


def _record(model: type[records.Model], value: Any) -> records.Model:
    try:
        return records.read_record(model, value)
    except PayloadError as error:
        raise UnreachableError(str(error)) from None
