"""ConnectWise records as they come, and what they mean here. Field names: OpenAPI 2025.1."""

import json
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integrations.answers import Answer
from integrations.errors import PayloadError, RejectedError
from integrations.ports import NotePurpose, NotePush, PsaNote, PsaTicket

#: The vendor publishes no limit. django-connectwise's column for note text, raised after failures
#: (KerkhoffTechnologies/django-connectwise PR 326, 361), is the largest size known to have worked.
NOTE_LIMIT = 4000

#: Boards as delivered name their closing statuses "Closed" or ">Closed"; the mark only sorts the list.
CLOSED = "closed"
SORT_MARK = "> "

NO_WORDS = "no explanation given"
WORDS_SHOWN = 3


class Record(BaseModel):
    """Part of a ConnectWise record: what is read here; everything else is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Identified(Record):
    id: int


class Reference(Record):
    id: int | None = None
    name: str | None = None
    identifier: str | None = None


class Info(Record):
    date_entered: datetime | None = Field(default=None, alias="dateEntered")
    last_updated: datetime | None = Field(default=None, alias="lastUpdated")
    updated_by: str | None = Field(default=None, alias="updatedBy")


class Ticket(Record):
    id: int
    summary: str = ""
    status: Reference
    board: Reference | None = None
    type: Reference | None = None
    priority: Reference | None = None
    company: Reference | None = None
    owner: Reference | None = None
    resources: str | None = None
    closed_flag: bool = Field(default=False, alias="closedFlag")


class Status(Record):
    id: int
    name: str
    closed_status: bool = Field(default=False, alias="closedStatus")
    inactive: bool = False


class Note(Record):
    id: int
    text: str | None = None
    member: Reference | None = None
    contact: Reference | None = None
    date_created: datetime | None = Field(default=None, alias="dateCreated")
    created_by: str | None = Field(default=None, alias="createdBy")
    info: Info = Field(default_factory=Info, alias="_info")


class Callback(Record):
    id: int
    url: str
    inactive: bool = Field(default=False, alias="inactiveFlag")


Model = TypeVar("Model", bound=Record)


def read_record(model: type[Model], value: Any) -> Model:
    """Return the record, or raise PayloadError naming the fields that do not fit, never their values."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        fields = ", ".join(".".join(str(part) for part in item["loc"]) or "record" for item in error.errors())
        raise PayloadError(f"ConnectWise's {model.__name__.lower()} does not fit: {fields}") from None


def to_ticket(ticket: Ticket) -> PsaTicket:
    """Closed where the ticket's flag or the name of its status says so."""
    status = ticket.status.name or ""
    return PsaTicket(
        ticket_id=str(ticket.id),
        summary=ticket.summary,
        status=status,
        closed=ticket.closed_flag or status.lstrip(SORT_MARK).casefold().startswith(CLOSED),
        board=_name(ticket.board),
        type=_name(ticket.type),
        priority=_name(ticket.priority),
        company=_name(ticket.company),
        assigned_to=_assigned(ticket),
    )


def to_note(note: Note, *, own_members: frozenset[str]) -> PsaNote:
    """`own_members` are the lower-case identifiers under which this service writes."""
    member = note.member.identifier if note.member else None
    writers = {name.casefold() for name in (member, note.created_by) if name}
    return PsaNote(
        note_id=str(note.id),
        text=note.text or "",
        author=member or (None if note.contact else note.created_by),
        created_at=note.date_created or note.info.date_entered,
        own=bool(writers & own_members),
    )


def note_body(push: NotePush) -> bytes:
    """Return the note's JSON, equal for equal pushes; all flags explicit, as defaults mail the customer."""
    if len(push.text) > NOTE_LIMIT:
        raise RejectedError(f"the note has {len(push.text)} characters; ConnectWise takes {NOTE_LIMIT}")
    resolution = push.purpose is NotePurpose.RESOLUTION
    note = {
        "text": push.text,
        "detailDescriptionFlag": False,
        "internalAnalysisFlag": not resolution,
        "resolutionFlag": resolution,
        "customerUpdatedFlag": False,
        "processNotifications": False,
    }
    return json.dumps(note, sort_keys=True, separators=(",", ":")).encode()


def status_patch(status_id: int) -> bytes:
    """Return the JSON Patch that replaces the whole reference; a sub-path is answered 200 and ignored."""
    return json.dumps([{"op": "replace", "path": "status", "value": {"id": status_id}}]).encode()


def callback_body(url: str) -> bytes:
    """Return the registration of a callback for every ticket (PSA Callbacks; level owner has objectId 1)."""
    callback = {
        "url": url,
        "objectId": 1,
        "type": "ticket",
        "level": "owner",
        "description": "ticketwalk",
        "inactiveFlag": False,
    }
    return json.dumps(callback, sort_keys=True).encode()


def words(answer: Answer) -> str:
    """Return ConnectWise's own explanation out of `{code, message, errors: [{code, message, field}]}`."""
    try:
        value = answer.json()
    except PayloadError:
        return "the answer is not JSON"
    if not isinstance(value, dict):
        return NO_WORDS
    inner = value.get("errors")
    details = [_sentence(item, "field") for item in inner[:WORDS_SHOWN]] if isinstance(inner, list) else []
    return "; ".join(filter(None, [_sentence(value, "code"), *details])) or NO_WORDS


def _sentence(value: Any, label: str) -> str:
    if not isinstance(value, dict):
        return ""
    named, message = value.get(label), value.get("message")
    return ": ".join(part for part in (named, message) if isinstance(part, str) and part)


def _name(reference: Reference | None) -> str | None:
    return (reference.name or reference.identifier) if reference else None


def _assigned(ticket: Ticket) -> str | None:
    """The owner, else the first of the resources ("jdoe, asmith")."""
    if ticket.owner and ticket.owner.identifier:
        return ticket.owner.identifier
    first = (ticket.resources or "").split(",")[0].strip()
    return first or None
