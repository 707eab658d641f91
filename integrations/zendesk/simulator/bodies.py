"""Request bodies and parameters the simulator accepts. Strict: a wrong name or type is refused.

The real Zendesk overlooks a misspelt field.
"""

from typing import Annotated, Literal, Self

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from integrations.zendesk.registration import SUBSCRIPTIONS

MAX_PAGE_SIZE = 100

Status = Literal["new", "open", "pending", "hold", "solved", "closed"]
EventType = Literal[(*SUBSCRIPTIONS, "conditional_ticket_events")]  # type: ignore[valid-type] # of one list


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class CommentBody(Body):
    """`public` is true where it is left out."""

    body: str = Field(min_length=1)
    public: bool = True


class TicketChanges(Body):
    comment: CommentBody | None = None
    status: Status | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.comment is None and self.status is None:
            raise ValueError("nothing to change")
        return self


class TicketUpdate(Body):
    ticket: TicketChanges


class WebhookBody(Body):
    name: str = Field(min_length=1)
    status: Literal["active", "inactive"]
    endpoint: str = Field(pattern="^https?://")
    http_method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    request_format: Literal["json", "xml", "form_encoded"]
    subscriptions: list[EventType] = Field(min_length=1)


class NewWebhook(Body):
    webhook: WebhookBody


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PageQuery(_Parameters):
    size: int = Field(default=MAX_PAGE_SIZE, alias="page[size]", ge=1, le=MAX_PAGE_SIZE)
    after: int = Field(default=0, alias="page[after]", ge=0)


class CommentQuery(PageQuery):
    include: Literal["users"] | None = None


class ShowQuery(_Parameters):
    include: str = Field(default="", pattern="^(users|groups|organizations|,)*$")


class ExportQuery(_Parameters):
    """`cursor` is where the last answer ended; `start_time`, in seconds since 1970, begins a new export."""

    start_time: int | None = None
    cursor: str | None = None
    exclude_deleted: bool = False


Paged = Annotated[PageQuery, Query()]
Comments = Annotated[CommentQuery, Query()]
Shown = Annotated[ShowQuery, Query()]
Exported = Annotated[ExportQuery, Query()]
