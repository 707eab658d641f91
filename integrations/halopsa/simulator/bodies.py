"""Requests the simulator accepts. Strict: a misspelt field or parameter, or a wrong type, is refused.

The real HaloPSA ignores a query parameter it does not know and answers unfiltered; a client that relies on a
misspelt one would pass there and be wrong.
"""

from pydantic import BaseModel, ConfigDict, Field


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ActionBody(Body):
    """A new action, or with `id` a changed one. Names: HaloPSA's swagger, Actions."""

    id: int | None = None
    ticket_id: int | None = None
    outcome: str | None = None
    outcome_id: int | None = None
    note: str | None = None
    note_html: str | None = None
    who: str | None = None
    who_agentid: int | None = None
    hiddenfromuser: bool | None = None
    sendemail: bool | None = None
    important: bool | None = None
    dont_do_rules: bool | None = None
    new_status: int | None = None
    timetaken: float | None = Field(default=None, ge=0)
    actionarrivaldate: str | None = None
    actioncompletiondate: str | None = None


class TicketBody(Body):
    """A new ticket, or with `id` a changed one. Names: HaloPSA's swagger, Faults."""

    id: int | None = None
    summary: str | None = None
    details: str | None = None
    status_id: int | None = None
    tickettype_id: int | None = None
    priority_id: int | None = None
    client_id: int | None = None
    agent_id: int | None = None
    team_id: int | None = None
    dont_do_rules: bool | None = None


class WebhookBody(Body):
    """A new webhook, or with `id` a changed one."""

    id: str | None = None
    name: str | None = None
    type: int | None = None
    url: str | None = None
    method: int | None = None
    content_type: str | None = None
    authentication_type: int | None = None
    basic_username: str | None = None
    basic_password: str | None = Field(default=None, repr=False)
    active: bool | None = None
    batch_method: int | None = None
    batch_delay_seconds: int | None = None
    batch_limit: int | None = None
    auto_disable_attempts: int | None = None
    notify_on_failure: bool | None = None
    infinite_loop_threshold: int | None = None


class NotificationBody(Body):
    """An event that fires a webhook."""

    name: str = ""
    webhook_id: str
    eventno: int
    type: int
    delivery_method: int


class TicketQuery(Query):
    pageinate: bool = False
    page_size: int = Field(default=50, ge=1, le=100)
    page_no: int = Field(default=1, ge=1)
    count: int | None = Field(default=None, ge=1, le=1000)
    order: str = "id"
    orderdesc: bool = False
    open_only: bool = False


class TicketDetails(Query):
    includedetails: bool = False
    includelastaction: bool = False


class ActionQuery(Query):
    ticket_id: int
    count: int = Field(default=50, ge=1)
    excludesys: bool = False
    excludeprivate: bool = False
    includehtmlnote: bool = False


class WebhookQuery(Query):
    type: int | None = None


class Details(Query):
    includedetails: bool = False
