"""HaloPSA's records as they come: what is read of them. Field names: HaloPSA's v2 swagger."""

from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integrations.errors import PayloadError


class Record(BaseModel):
    """Part of a HaloPSA record; everything else is ignored. Lax: numbers were seen as texts."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Named(Record):
    id: int | None = None
    name: str | None = None


class Ticket(Record):
    """`includedetails` embeds some names as objects; versions differ in which."""

    id: int
    summary: str | None = None
    status_id: int
    status_name: str | None = None
    tickettype_id: int | None = None
    tickettype_name: str | None = None
    priority: Named | None = None
    priority_name: str | None = None
    team: str | None = None
    client_name: str | None = None
    agent_id: int | None = None
    hasbeenclosed: bool | None = None
    deleted: bool | None = None
    #: Where the survivor of a merge stands: the column is FMergedIntoFaultid in every public report; its name
    #: in the API was not seen, so both likely ones are read.
    merged_into_id: int | None = None
    fmergedintofaultid: int | None = None


class ListedTicket(Record):
    """A ticket in a list: HaloPSA's last action, and where it has none yet, its other dates."""

    id: int
    lastactiondate: str | None = None
    last_update: str | None = None
    dateoccurred: str | None = None


class Action(Record):
    """A note, a mail or a time entry. Its id counts within its ticket (HaloPSA's Actions, `id`)."""

    id: int
    who_agentid: int | None = None
    actionby_application_id: str | None = None
    note: str | None = None
    note_html: str | None = None
    occurred_at: str | None = Field(default=None, alias="datetime")


class Status(Record):
    id: int
    name: str


class Event(Record):
    """A notification that fires a webhook; `eventno` was seen as a number and as a text."""

    id: int | None = None
    eventno: int


class Webhook(Record):
    """`events` comes only with one webhook and its details, not in lists."""

    id: str
    url: str | None = None
    active: bool | None = None
    authentication_type: int | None = None
    basic_username: str | None = None
    events: tuple[Event, ...] | None = None


Model = TypeVar("Model", bound=Record)


def read_record(model: type[Model], value: Any) -> Model:
    """Return the record, or raise PayloadError naming the fields that do not fit, never their values."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        fields = ", ".join(".".join(str(part) for part in item["loc"]) or "record" for item in error.errors())
        raise PayloadError(f"HaloPSA's {model.__name__.lower()} does not fit: {fields}") from None


#: HaloPSA's dates carry no zone. They are UTC in the appointments and time entries of public integrations;
#: that this holds for every tenant and every field is assumed.
ZONE = UTC
#: What stands where HaloPSA has no date (seen in `dateclosed`).
NO_DATE_BEFORE = datetime(1901, 1, 1, tzinfo=UTC)


def moment(text: str | None) -> datetime | None:
    """Return the aware UTC moment of a HaloPSA date; None where there is none, or it cannot be read."""
    try:
        read = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    aware = read.replace(tzinfo=ZONE) if read.tzinfo is None else read
    return None if aware < NO_DATE_BEFORE else aware.astimezone(UTC)
