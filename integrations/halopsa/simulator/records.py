"""The simulator's records and how HaloPSA shows them as JSON."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from integrations.halopsa.markup import to_text

CLOSED_STATUS_ID = 9
#: What HaloPSA shows where it has no date.
NO_DATE = "1899-12-30T00:00:00"


@dataclass(frozen=True, slots=True)
class Named:
    id: int
    name: str

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name}


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent; `login` is what people say, `id` is what HaloPSA says."""

    id: int
    login: str
    name: str

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "isdisabled": False}


@dataclass(slots=True)
class Ticket:
    id: int
    summary: str
    status: Named
    team: Named
    agent: Agent
    entered_at: datetime
    acted_at: datetime
    updated_at: datetime
    type: Named | None = None
    priority: Named | None = None
    client: Named | None = None
    closed_at: datetime | None = None
    merged_into: int = 0

    def as_json(self, *, details: bool = False) -> dict[str, Any]:
        """`details` embeds the priority as an object; the names of status and type are elsewhere."""
        shown = {
            "id": self.id,
            "summary": self.summary,
            "status_id": self.status.id,
            "tickettype_id": self.type.id if self.type else None,
            "priority_id": self.priority.id if self.priority else None,
            "client_id": self.client.id if self.client else None,
            "client_name": self.client.name if self.client else None,
            "team_id": self.team.id,
            "team": self.team.name,
            "agent_id": self.agent.id,
            "dateoccurred": stamp(self.entered_at),
            "lastactiondate": stamp(self.acted_at),
            "last_update": stamp(self.updated_at),
            "dateclosed": stamp(self.closed_at) if self.closed_at else NO_DATE,
            "hasbeenclosed": self.closed_at is not None,
            "merged_into_id": self.merged_into,
        }
        if details:
            shown |= {"agent_name": self.agent.name, "deleted": False}
            shown["priority"] = self.priority.as_json() if self.priority else None
        return shown


@dataclass(slots=True)
class Action:
    """`agent` wrote it, or `user`, a customer. Its id counts within its ticket."""

    id: int
    ticket_id: int
    outcome_id: int
    outcome: str
    html: str
    made_at: datetime
    agent: Agent | None = None
    user: str | None = None
    application: str | None = None
    hidden: bool = True
    system: bool = False
    mailed: bool = False
    hours: float = 0.0
    dates: dict[str, str | None] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return to_text(self.html)

    def as_json(self, *, html: bool = True) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": self.id,
            "ticket_id": self.ticket_id,
            "outcome_id": self.outcome_id,
            "outcome": self.outcome,
            "who": self.agent.name if self.agent else self.user,
            "who_agentid": self.agent.id if self.agent else 0,
            "who_type": 1 if self.agent else 0,
            "actionby_application_id": self.application,
            "datetime": stamp(self.made_at),
            "note": self.text,
            "hiddenfromuser": self.hidden,
            "timetaken": self.hours,
            **self.dates,
        }
        return {**shown, "note_html": self.html} if html else shown


@dataclass(slots=True)
class Webhook:
    """A registered webhook. `failures` are those in a row."""

    id: str
    name: str
    url: str = field(repr=False)
    active: bool
    authentication_type: int
    basic_username: str | None
    basic_password: str | None = field(repr=False)
    auto_disable_attempts: int
    batch_method: int = 0
    events: list[tuple[int, int]] = field(default_factory=list)
    failures: int = 0
    last_auto_disable_date: str | None = None

    def as_json(self, *, details: bool = False) -> dict[str, Any]:
        """The password is never shown; events only with details."""
        shown: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "type": 0,
            "url": self.url,
            "active": self.active,
            "authentication_type": self.authentication_type,
            "basic_username": self.basic_username,
            "batch_method": self.batch_method,
            "auto_disable_attempts": self.auto_disable_attempts,
            "last_auto_disable_date": self.last_auto_disable_date,
        }
        if details:
            shown["events"] = [
                {"id": number, "webhook_id": self.id, "eventno": event, "delivery_method": 6, "type": -2}
                for number, event in self.events
            ]
        return shown


def stamp(moment: datetime) -> str:
    """HaloPSA shows UTC without a zone."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")
