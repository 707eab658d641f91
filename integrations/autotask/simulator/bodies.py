"""Request bodies the simulator accepts. Strict: a misspelt field, a wrong type or a null is refused."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

#: Lengths: Autotask REST swagger; developer help, Webhooks entity.
MAX_TITLE, MAX_TEXT = 250, 32_000
MAX_NAME, MAX_URL, MAX_SECRET, MAX_EMAIL = 50, 500, 64, 150
MAX_RECORDS = 500
#: As Autotask names ids: ticketID and webhookID, but webhookUrl.
ID_SUFFIX = "_id"


def field_name(name: str) -> str:
    """Return Autotask's name of a field: `ticket_id` is ticketID."""
    head, *rest = name.removesuffix(ID_SUFFIX).split("_")
    return head + "".join(part.capitalize() for part in rest) + ("ID" if name.endswith(ID_SUFFIX) else "")


class Body(BaseModel):
    """Names in any case, as .NET reads them; the documents write some with capitals and some without."""

    model_config = ConfigDict(
        extra="forbid", strict=True, alias_generator=lambda name: field_name(name).lower()
    )

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        nulls = [name for name, member in value.items() if member is None]
        if nulls:
            raise ValueError(f"Value does not exist for the required field {nulls[0]}")
        return {name.lower(): member for name, member in value.items()}

    def given(self) -> dict[str, Any]:
        """Return what the request named, by Autotask's names."""
        return {field_name(name): value for name, value in self.model_dump(exclude_unset=True).items()}


def _moment(value: Any) -> Any:
    """Dates come as texts; a strict model takes them from JSON text only."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


Moment = Annotated[datetime, BeforeValidator(_moment)]
Title = Annotated[str, Field(min_length=1, max_length=MAX_TITLE)]
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


class NoteBody(Body):
    title: Title
    description: Text
    note_type: int
    publish: int
    id: int = 0
    ticket_id: int | None = None


class NotePatch(Body):
    id: int
    title: Title | None = None
    description: Text | None = None


class TicketBody(Body):
    title: Title
    company_id: int
    status: int
    priority: int
    queue_id: int | None = None
    ticket_type: int | None = None
    assigned_resource_id: int | None = None
    assigned_resource_role_id: int | None = None
    description: str | None = None
    id: int = 0


class TicketPatch(Body):
    id: int
    title: Title | None = None
    status: int | None = None
    priority: int | None = None
    queue_id: int | None = None
    ticket_type: int | None = None
    assigned_resource_id: int | None = None


class TimeBody(Body):
    ticket_id: int
    resource_id: int
    role_id: int
    date_worked: Moment
    hours_worked: float = Field(gt=0)
    start_date_time: Moment | None = None
    end_date_time: Moment | None = None
    summary_notes: Text | None = None
    internal_notes: Text | None = None
    is_non_billable: bool | None = None
    id: int = 0


class WebhookBody(Body):
    name: str = Field(min_length=1, max_length=MAX_NAME)
    webhook_url: str = Field(min_length=1, max_length=MAX_URL)
    deactivation_url: str = Field(min_length=1, max_length=MAX_URL)
    secret_key: str = Field(min_length=1, max_length=MAX_SECRET)
    is_active: bool
    is_subscribed_to_create_events: bool = False
    is_subscribed_to_update_events: bool = False
    is_subscribed_to_delete_events: bool = False
    send_threshold_exceeded_notification: bool = False
    notification_email_address: str | None = Field(default=None, max_length=MAX_EMAIL)
    owner_resource_id: int | None = None
    id: int = 0


class WebhookPatch(Body):
    id: int
    name: str | None = Field(default=None, min_length=1, max_length=MAX_NAME)
    webhook_url: str | None = Field(default=None, min_length=1, max_length=MAX_URL)
    deactivation_url: str | None = Field(default=None, min_length=1, max_length=MAX_URL)
    secret_key: str | None = Field(default=None, min_length=1, max_length=MAX_SECRET)
    is_active: bool | None = None
    is_subscribed_to_create_events: bool | None = None
    is_subscribed_to_update_events: bool | None = None
    is_subscribed_to_delete_events: bool | None = None
    send_threshold_exceeded_notification: bool | None = None
    notification_email_address: str | None = Field(default=None, max_length=MAX_EMAIL)


class FieldBody(Body):
    field_id: int
    webhook_id: int
    is_subscribed_field: bool
    is_display_always_field: bool
    id: int = 0


class ExcludedBody(Body):
    resource_id: int
    webhook_id: int
    id: int = 0


class Condition(Body):
    """One condition, or a group of them. Operators: developer help, "Query operators"."""

    op: Literal[
        "eq", "noteq", "gt", "gte", "lt", "lte", "beginsWith", "endsWith", "contains",
        "exist", "notExist", "in", "notIn", "and", "or",
    ]  # fmt: skip
    field: str | None = None
    value: str | int | float | bool | list[str | int] | None = None
    items: list["Condition"] | None = None


class Search(Body):
    """The body of a query, or the parameter `search` of one by GET."""

    filter: list[Condition] = Field(min_length=1)
    max_records: int = Field(default=MAX_RECORDS, ge=1, le=MAX_RECORDS)
    include_fields: list[str] | None = None
