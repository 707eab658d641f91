"""Zendesk's records as they come, and what they mean here. Field names: Zendesk API reference, Ticketing."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from integrations.errors import PayloadError, RejectedError
from integrations.ports import NotePurpose, NotePush, PsaNote, PsaTicket

RECORD_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)

#: Characters. A comment is said to take 65 535 bytes (no page of the vendor's says it); a character takes up
#: to four.
NOTE_LIMIT = 16_000

#: Statuses as people see them (Zendesk help, "About ticket statuses") and as the API writes them. A status of
#: a customer's own appears as the one of these that is its category.
STATUSES = {
    "New": "new",
    "Open": "open",
    "Pending": "pending",
    "On-hold": "hold",
    "Solved": "solved",
    "Closed": "closed",
}
NAMES = {wire: name for name, wire in STATUSES.items()}
#: A solved ticket is done for its agents; Zendesk itself closes it days later.
CLOSED = frozenset({"solved", "closed"})

#: Roles of people of the MSP; everybody else is `end-user` (API reference, Users).
STAFF = frozenset({"agent", "admin"})

#: What an audit calls a comment (API reference, Ticket Audits).
COMMENT_EVENT = "Comment"


class Record(BaseModel):
    """Part of a Zendesk record: what is read here; everything else is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class User(Record):
    id: int | None = None
    email: str | None = None
    role: str = ""


class Named(Record):
    id: int
    name: str


class Me(Record):
    user: User


class Ticket(Record):
    id: int
    subject: str | None = None
    status: str
    type: str | None = None
    priority: str | None = None
    group_id: int | None = None
    organization_id: int | None = None
    assignee_id: int | None = None


class ShownTicket(Record):
    """One ticket with the records that it names, side-loaded."""

    ticket: Ticket
    users: tuple[User, ...] = ()
    groups: tuple[Named, ...] = ()
    organizations: tuple[Named, ...] = ()


class Comment(Record):
    id: int
    body: str = ""
    author_id: int
    created_at: datetime | None = None


class AuditEvent(Record):
    id: int | None = None
    type: str = ""


class Audit(Record):
    events: tuple[AuditEvent, ...]


class UpdatedTicket(Record):
    """The answer to an update: `audit` says what it was made of."""

    audit: Audit


Model = TypeVar("Model", bound=Record)


def read_record(model: type[Model], value: Any) -> Model:
    """Return the record, or raise PayloadError naming the fields that do not fit, never their values."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        fields = ", ".join(".".join(str(part) for part in item["loc"]) or "record" for item in error.errors())
        raise PayloadError(f"Zendesk's {model.__name__.lower()} does not fit: {fields}") from None


def to_ticket(shown: ShownTicket) -> PsaTicket:
    """`assigned_to` is the agent's e-mail address; a group stands for the board.

    It names no version: `updated_at` is of whole seconds, and of two changes within one the second would be
    missed.
    """
    ticket = shown.ticket
    emails = {user.id: user.email for user in shown.users}
    return PsaTicket(
        ticket_id=str(ticket.id),
        summary=ticket.subject or "",
        status=NAMES.get(ticket.status, ticket.status),
        closed=ticket.status in CLOSED,
        board=_name(shown.groups, ticket.group_id),
        type=ticket.type and ticket.type.capitalize(),
        priority=ticket.priority and ticket.priority.capitalize(),
        company=_name(shown.organizations, ticket.organization_id),
        assigned_to=emails.get(ticket.assignee_id),
    )


def to_notes(comments: Iterable[Comment], users: Mapping[int, User], own_email: str) -> list[PsaNote]:
    """Return the comments, oldest first, without the first one: that is the ticket's description."""
    oldest_first = sorted(comments, key=lambda comment: comment.id)
    return [to_note(comment, users.get(comment.author_id), own_email) for comment in oldest_first[1:]]


def to_note(comment: Comment, author: User | None, own_email: str) -> PsaNote:
    email = author.email if author and author.role in STAFF else None
    return PsaNote(
        note_id=str(comment.id),
        text=comment.body,
        author=email,
        created_at=comment.created_at,
        own=email is not None and email.casefold() == own_email.casefold(),
    )


def note_body(push: NotePush) -> bytes:
    """Return the update that adds the comment, equal for equal pushes. Without `public` everybody sees it."""
    if len(push.text) > NOTE_LIMIT:
        raise RejectedError(f"the note has {len(push.text)} characters; {NOTE_LIMIT} is as much as fits")
    return _update(comment={"body": push.text, "public": push.purpose is NotePurpose.CUSTOMER})


def status_body(status: str) -> bytes:
    return _update(status=status)


def comment_id(answer: Any) -> str:
    """Return the id of the comment that an update has added. Raises PayloadError where it names none."""
    for event in read_record(UpdatedTicket, answer).audit.events:
        if event.type == COMMENT_EVENT and event.id is not None:
            return str(event.id)
    raise PayloadError("the answer names no comment")


def stamp(moment: datetime) -> str:
    """Return a time as Zendesk shows it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _update(**changes: Any) -> bytes:
    return json.dumps({"ticket": changes}, sort_keys=True, separators=(",", ":")).encode()


def _name(records: Iterable[Named], record_id: int | None) -> str | None:
    return next((record.name for record in records if record.id == record_id), None)
