"""Autotask records as they come, and what they mean here. Field names: Autotask REST swagger."""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from integrations.errors import PayloadError, RejectedError
from integrations.ports import NotePurpose, NotePush, PsaNote, TimePush

#: TicketNotes.description and TimeEntries.summaryNotes (developer help; Autotask REST swagger).
NOTE_LIMIT = 32_000

#: TicketNotes.publish: 1 is everybody, the customer's portal included; 2 is the MSP's own people.
PUBLISH_ALL, PUBLISH_INTERNAL = 1, 2
#: TicketNotes.noteType "Task Notes", a system value (Autotask REST swagger).
NOTE_TYPE = 3

#: Note types that Autotask writes by itself: 13 and 91 workflow rule, 92 forward or change, 15 duplicate,
#: 93 merged, 94 absorbed, 95 copied to a project. System values (integrators, seen on live tenants).
SYSTEM_NOTE_TYPES = frozenset({13, 15, 91, 92, 93, 94, 95})
#: "Autotask Administrator": what it writes nobody typed (msoukhomlinov/n8n-nodes-autotask issue 9).
SYSTEM_RESOURCE = 4
#: The note on a merged ticket; it names the ticket that took its place by number (online help, "Merging
#: tickets").
MERGED_NOTE_TYPE = 93
#: A ticket that recurs has a third part (seen in an answer that a public integration prints).
TICKET_NUMBER = re.compile(r"\bT\d{8}\.\d{4,}(?:\.\d+)?\b")

#: The status "Complete", a system value; the merged ticket gets it too (online help, "Merging tickets").
COMPLETE = 5

#: A public integration prints an answer with milliseconds, zeros left out; whether each date has them is not
#: documented. One of whole seconds names no version: of two changes within it, the second would be missed.
FRACTION_OF_SECOND = re.compile(r"\.[0-9]*[1-9]")

MINUTE = timedelta(minutes=1)
MINUTES_PER_HOUR = 60
#: More would only be noise: 0.0001 h is a third of a second.
HOURS_DECIMALS = 4

#: A note's title takes 250 characters (Autotask REST swagger); some ticket categories require one.
TITLES = {
    NotePurpose.RESOLUTION: "Resolution",
    NotePurpose.HANDOFF: "Hand-off",
    NotePurpose.INTERNAL: "Note",
    NotePurpose.CUSTOMER: "Message",
}


class Record(BaseModel):
    """Part of an Autotask record: what is read here; everything else is ignored. Names in any case."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        alias_generator=lambda name: name.replace("_", ""),
    )

    @model_validator(mode="before")
    @classmethod
    def _lower_case_names(cls, value: Any) -> Any:
        return {str(name).lower(): item for name, item in value.items()} if isinstance(value, dict) else value


class Identified(Record):
    id: int


class Written(Record):
    """The answer to a write: the id alone."""

    item_id: int


class Ticket(Record):
    id: int
    title: str | None = None
    ticket_number: str | None = None
    status: int | None = None
    queue_id: int | None = None
    priority: int | None = None
    ticket_type: int | None = None
    company_id: int | None = None
    assigned_resource_id: int | None = None
    last_activity_date: str | None = None

    @property
    def version(self) -> str | None:
        """What `changed_since` lists for the ticket as it is now; None where two changes may share it."""
        shown = self.last_activity_date or ""
        return shown if FRACTION_OF_SECOND.search(shown) else None


class ChangedAt(Record):
    id: int
    last_activity_date: str
    moment: datetime = Field(alias="lastactivitydate")

    @property
    def at(self) -> datetime:
        """The moment of `last_activity_date`: as texts, moments whose zeros are left out do not sort."""
        return utc(self.moment)


class Note(Record):
    id: int
    title: str | None = None
    description: str | None = None
    note_type: int | None = None
    creator_resource_id: int | None = None
    created_by_contact_id: int | None = None
    create_date_time: datetime | None = None

    @property
    def of_the_system(self) -> bool:
        return self.note_type in SYSTEM_NOTE_TYPES or self.creator_resource_id == SYSTEM_RESOURCE


class TimeEntry(Record):
    id: int
    summary_notes: str | None = None


class Company(Record):
    id: int
    company_name: str | None = None


class Resource(Record):
    id: int
    user_name: str | None = None
    email: str | None = None

    @property
    def name(self) -> str:
        return self.user_name or self.email or str(self.id)


class Threshold(Record):
    external_request_threshold: int
    current_timeframe_request_count: int


Model = TypeVar("Model", bound=Record)


def read_record(model: type[Model], value: Any) -> Model:
    """Return the record, or raise PayloadError naming the fields that do not fit, never their values."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        fields = ", ".join(".".join(str(part) for part in item["loc"]) or "record" for item in error.errors())
        raise PayloadError(f"Autotask's {model.__name__.lower()} does not fit: {fields}") from None


def utc(moment: datetime) -> datetime:
    """Times are UTC in the API, whether they say so or not (developer help)."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def to_note(note: Note, *, author: str | None, own_resource: int | None) -> PsaNote:
    """`author` is the creator's name; where a contact wrote the note there is none."""
    return PsaNote(
        note_id=str(note.id),
        text=note.description or "",
        author=None if note.created_by_contact_id else author,
        created_at=None if note.create_date_time is None else utc(note.create_date_time),
        own=own_resource is not None and note.creator_resource_id == own_resource,
    )


def note_body(push: NotePush) -> bytes:
    """Return the note's JSON, equal for equal pushes; `publish` always explicit, so no default is trusted.

    The text is the description, whole: what carries its marker is neither cut nor put in the short title.
    """
    if len(push.text) > NOTE_LIMIT:
        raise RejectedError(f"the note has {len(push.text)} characters; Autotask takes {NOTE_LIMIT}")
    for_customer = push.purpose is NotePurpose.CUSTOMER
    note = {
        "id": 0,
        "title": TITLES[push.purpose],
        "description": push.text,
        "noteType": NOTE_TYPE,
        "publish": PUBLISH_ALL if for_customer else PUBLISH_INTERNAL,
    }
    return as_json(note)


def time_body(push: TimePush, *, ticket_id: int, resource_id: int, role_id: int) -> bytes:
    """Return the time entry's JSON, equal for equal pushes: whole minutes, at least one, in UTC."""
    if len(push.text) > NOTE_LIMIT:
        raise RejectedError(f"the text has {len(push.text)} characters; Autotask takes {NOTE_LIMIT}")
    start = push.started_at.astimezone(UTC).replace(second=0, microsecond=0)
    minutes = max(1, math.ceil((push.ended_at - start) / MINUTE))
    entry = {
        "id": 0,
        "ticketID": ticket_id,
        "resourceID": resource_id,
        "roleID": role_id,
        "dateWorked": stamp(start.replace(hour=0, minute=0)),
        "startDateTime": stamp(start),
        "endDateTime": stamp(start + minutes * MINUTE),
        "hoursWorked": round(minutes / MINUTES_PER_HOUR, HOURS_DECIMALS),
        "summaryNotes": push.text,
    }
    return as_json(entry)


def as_json(record: dict[str, Any]) -> bytes:
    """Return a record's bytes, equal for equal records."""
    return json.dumps(record, sort_keys=True, separators=(",", ":")).encode()


def stamp(moment: datetime) -> str:
    """The API takes and gives UTC (developer help, "Tickets")."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
