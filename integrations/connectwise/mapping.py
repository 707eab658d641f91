"""ConnectWise records as they come, and what they mean here. Field names: OpenAPI 2025.1."""

import json
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integrations.answers import Answer
from integrations.errors import PayloadError, RejectedError
from integrations.ports import NotePurpose, NotePush, PsaNote, PsaTicket, TimePush

#: The vendor publishes no limit. django-connectwise's column for note text, raised after failures
#: (KerkhoffTechnologies/django-connectwise PR 326, 361), is the largest size known to have worked.
NOTE_LIMIT = 4000

#: What a time entry on a service ticket is charged to (OpenAPI, TimeEntry.chargeToType).
CHARGED_TO = "ServiceTicket"

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
    info: Info = Field(default_factory=Info, alias="_info")
    #: Set once the ticket was merged into another (OpenAPI since 2019.1). `parentTicketId` is another thing:
    #: a child of a bundle lives on.
    merged_parent: Reference | None = Field(default=None, alias="mergedParentTicket")


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


class TimeEntry(Record):
    id: int
    notes: str | None = None


class Changed(Record):
    """A ticket of which only the time of its last save is asked for."""

    id: int
    info: Info = Field(alias="_info")


class Callback(Record):
    id: int
    url: str
    type: str = ""
    level: str = ""
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
    status, merged = ticket.status.name or "", ticket.merged_parent
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
        merged_into=str(merged.id) if merged and merged.id else None,
        version=stamp(ticket.info.last_updated) if ticket.info.last_updated else None,
    )


def stamp(moment: datetime) -> str:
    """Return a time as ConnectWise takes it: UTC, whole seconds (Developer Guide, "Conditions")."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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
    note = {
        "text": push.text,
        "detailDescriptionFlag": push.purpose is NotePurpose.CUSTOMER,
        "internalAnalysisFlag": push.purpose in {NotePurpose.HANDOFF, NotePurpose.INTERNAL},
        "resolutionFlag": push.purpose is NotePurpose.RESOLUTION,
        "customerUpdatedFlag": False,
        "processNotifications": False,
    }
    return json.dumps(note, sort_keys=True, separators=(",", ":")).encode()


def status_patch(status_id: int) -> bytes:
    """Return the JSON Patch that replaces the whole reference; a sub-path is answered 200 and ignored."""
    return json.dumps([{"op": "replace", "path": "status", "value": {"id": status_id}}]).encode()


def time_body(push: TimePush, ticket_id: int) -> bytes:
    """Return the time entry's JSON, equal for equal pushes.

    The text goes to the entry alone, nobody gets mail. Work type, role and billing stay out: ConnectWise then
    takes the member's and the ticket's own (OpenAPI: all optional).
    """
    entry = {
        "chargeToType": CHARGED_TO,
        "chargeToId": ticket_id,
        "member": {"identifier": push.member},
        "timeStart": _stamp(push.started_at),
        "timeEnd": _stamp(push.ended_at),
        "notes": push.text,
        "addToDetailDescriptionFlag": False,
        "addToInternalAnalysisFlag": False,
        "addToResolutionFlag": False,
        "emailResourceFlag": False,
        "emailContactFlag": False,
        "emailCcFlag": False,
    }
    return json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()


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


def _stamp(moment: datetime) -> str:
    """Developer Guide, "Dates": UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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
