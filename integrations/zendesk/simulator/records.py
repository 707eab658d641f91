"""The simulator's records and how Zendesk shows them as JSON."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from integrations.zendesk.mapping import stamp
from integrations.zendesk.simulator.bodies import WebhookBody


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account: an agent, an admin or an end user."""

    id: int
    name: str
    email: str
    role: str = "agent"

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "email": self.email, "role": self.role}


@dataclass(frozen=True, slots=True)
class Named:
    """A record that is only referred to: a group, an organization."""

    id: int
    name: str

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name}


@dataclass(slots=True)
class Comment:
    id: int
    body: str
    public: bool
    author: Person
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "Comment",
            "author_id": self.author.id,
            "body": self.body,
            "public": self.public,
            "created_at": stamp(self.created_at),
        }


@dataclass(slots=True)
class Ticket:
    """The first of `comments` is the description."""

    id: int
    subject: str
    status: str
    group: Named
    requester: Person
    created_at: datetime
    updated_at: datetime
    comments: list[Comment] = field(default_factory=list)
    type: str | None = None
    priority: str | None = None
    organization: Named | None = None
    assignee: Person | None = None
    tags: list[str] = field(default_factory=list)
    deleted: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "subject": self.subject,
            "description": self.comments[0].body if self.comments else "",
            "status": "deleted" if self.deleted else self.status,
            "type": self.type,
            "priority": self.priority,
            "group_id": self.group.id,
            "organization_id": self.organization.id if self.organization else None,
            "assignee_id": self.assignee.id if self.assignee else None,
            "requester_id": self.requester.id,
            "tags": list(self.tags),
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.updated_at),
            "generated_timestamp": int(self.updated_at.timestamp()),
        }

    def sideloaded(self) -> dict[str, list[dict[str, Any]]]:
        """Return the records that it names, by the names that `include` takes."""
        people = [self.requester, *([self.assignee] if self.assignee else [])]
        return {
            "users": [person.as_json() for person in people],
            "groups": [self.group.as_json()],
            "organizations": [self.organization.as_json()] if self.organization else [],
        }


@dataclass(slots=True)
class Webhook:
    id: str
    body: WebhookBody
    secret: str = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, **self.body.model_dump()}

    def wants(self, event: str) -> bool:
        return self.body.status == "active" and event in self.body.subscriptions
