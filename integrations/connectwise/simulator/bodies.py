"""Request bodies the simulator accepts. Strict: a misspelt field or a wrong type is refused."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

#: ConnectWise's own limit for a ticket's summary (OpenAPI).
MAX_SUMMARY = 100

DISPLAY_FLAGS = ("detailDescriptionFlag", "internalAnalysisFlag", "resolutionFlag")


class Body(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, alias_generator=to_camel, validate_by_name=False, validate_by_alias=True
    )


class Reference(Body):
    """By id, or by name or identifier where the record has one."""

    id: int | None = None
    name: str | None = None
    identifier: str | None = None


class NoteBody(Body):
    text: str = Field(min_length=1)
    ticket_id: int | None = None
    detail_description_flag: bool = False
    internal_analysis_flag: bool = False
    resolution_flag: bool = False
    issue_flag: bool = False
    customer_updated_flag: bool = False
    process_notifications: bool = True
    internal_flag: bool = False
    external_flag: bool = False
    member: Reference | None = None
    contact: Reference | None = None

    def flags(self) -> dict[str, bool]:
        given = self.model_dump(by_alias=True, exclude={"text", "ticket_id", "member", "contact"})
        return {name: bool(value) for name, value in given.items()}


class TicketBody(Body):
    summary: str = Field(min_length=1, max_length=MAX_SUMMARY)
    board: Reference | None = None
    status: Reference | None = None
    type: Reference | None = None
    priority: Reference | None = None
    company: Reference | None = None
    owner: Reference | None = None
    initial_description: str | None = None


#: UTC with whole seconds, the one form that the Developer Guide shows.
Moment = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]


class TimeBody(Body):
    charge_to_type: Literal["ServiceTicket"]
    charge_to_id: int
    time_start: Moment
    time_end: Moment | None = None
    actual_hours: float | None = Field(default=None, gt=0)
    member: Reference | None = None
    work_type: Reference | None = None
    work_role: Reference | None = None
    billable_option: Literal["Billable", "DoNotBill", "NoCharge", "NoDefault"] | None = None
    notes: str | None = None
    internal_notes: str | None = None
    add_to_detail_description_flag: bool = False
    add_to_internal_analysis_flag: bool = False
    add_to_resolution_flag: bool = False
    email_resource_flag: bool = False
    email_contact_flag: bool = False
    email_cc_flag: bool = False

    @model_validator(mode="after")
    def _is_a_time(self) -> Self:
        if self.time_end is None and self.actual_hours is None:
            raise ValueError("timeEnd or actualHours is required")
        if self.time_end and self.hours() < 0:
            raise ValueError("timeEnd is before timeStart")
        return self

    def hours(self) -> float:
        """Return how long it took, in hours."""
        if not self.time_end:
            return self.actual_hours or 0.0
        spent = datetime.fromisoformat(self.time_end) - datetime.fromisoformat(self.time_start)
        return round(spent.total_seconds() / 3600, 2)


class Operation(Body):
    """One JSON Patch operation."""

    op: Literal["add", "replace", "remove"]
    path: str
    value: Any = None


class CallbackBody(Body):
    url: str
    object_id: int
    type: str
    level: str
    id: int | None = None
    description: str | None = Field(default=None, max_length=100)
    inactive_flag: bool = False
    is_soap_callback_flag: bool = False
    is_self_suppressed_flag: bool = False
    payload_version: str | None = None
    member_id: int | None = None
