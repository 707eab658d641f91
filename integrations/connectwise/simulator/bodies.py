"""Request bodies the simulator accepts. Strict: a misspelt field or a wrong type is refused."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
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
