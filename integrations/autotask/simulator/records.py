"""The simulator's records and how Autotask shows them as JSON."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from integrations.autotask.simulator.bodies import WebhookBody


class Shown(Protocol):
    """A record that the API shows."""

    def as_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Company:
    id: int
    name: str

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "companyName": self.name}


@dataclass(slots=True)
class Ticket:
    id: int
    number: str
    values: dict[str, Any]
    created_at: datetime
    active_at: datetime

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "ticketNumber": self.number,
            "title": "",
            "description": None,
            "companyID": None,
            "status": None,
            "priority": None,
            "queueID": None,
            "ticketType": None,
            "assignedResourceID": None,
            **self.values,
            "createDate": stamp(self.created_at),
            "lastActivityDate": stamp(self.active_at),
            "userDefinedFields": [],
        }


@dataclass(slots=True)
class Note:
    id: int
    ticket_id: int
    title: str
    description: str
    note_type: int
    publish: int
    creator: int | None
    created_at: datetime
    active_at: datetime
    contact: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "ticketID": self.ticket_id,
            "title": self.title,
            "description": self.description,
            "noteType": self.note_type,
            "publish": self.publish,
            "creatorResourceID": self.creator,
            "createdByContactID": self.contact,
            "createDateTime": stamp(self.created_at),
            "lastActivityDate": stamp(self.active_at),
        }


@dataclass(slots=True)
class TimeEntry:
    id: int
    values: dict[str, Any]
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        shown = {
            name: stamp(value) if isinstance(value, datetime) else value
            for name, value in self.values.items()
        }
        return {"summaryNotes": None, **shown, "id": self.id, "createDateTime": stamp(self.created_at)}


@dataclass(slots=True)
class WebhookField:
    id: int
    field_id: int
    subscribed: bool
    displayed: bool

    def as_json(self, webhook_id: int) -> dict[str, Any]:
        return {
            "id": self.id,
            "fieldID": self.field_id,
            "webhookID": webhook_id,
            "isSubscribedField": self.subscribed,
            "isDisplayAlwaysField": self.displayed,
        }


@dataclass(slots=True)
class Webhook:
    """A registered webhook of one entity ("Ticket" or "TicketNote")."""

    id: int
    entity: str
    body: WebhookBody
    guid: str = field(default_factory=lambda: str(uuid.uuid4()))
    fields: dict[int, WebhookField] = field(default_factory=dict)
    excluded: dict[int, int] = field(default_factory=dict)
    sequence: int = 0
    failures: int = 0

    @property
    def is_ready(self) -> bool:
        return any(one.subscribed for one in self.fields.values())

    def wants(self, action: str, person: int) -> bool:
        if not (self.body.is_active and self.is_ready) or person in self.excluded.values():
            return False
        return {
            "Create": self.body.is_subscribed_to_create_events,
            "Update": self.body.is_subscribed_to_update_events,
            "Delete": self.body.is_subscribed_to_delete_events,
        }[action]

    def as_json(self) -> dict[str, Any]:
        """The secret is not shown again."""
        body = self.body
        return {
            "id": self.id,
            "name": body.name,
            "webhookUrl": body.webhook_url,
            "deactivationUrl": body.deactivation_url,
            "isActive": body.is_active,
            "isReady": self.is_ready,
            "isSubscribedToCreateEvents": body.is_subscribed_to_create_events,
            "isSubscribedToUpdateEvents": body.is_subscribed_to_update_events,
            "isSubscribedToDeleteEvents": body.is_subscribed_to_delete_events,
            "sendThresholdExceededNotification": body.send_threshold_exceeded_notification,
            "notificationEmailAddress": body.notification_email_address,
            "ownerResourceID": body.owner_resource_id,
            "webhookGUID": self.guid,
        }


@dataclass(frozen=True, slots=True)
class ErrorLog:
    """A callout that was given up, as kept in WebhookEventErrorLogs."""

    id: int
    entity: str
    webhook_id: int
    sequence: int
    message: str
    payload: str
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            f"{self.entity[0].lower()}{self.entity[1:]}WebhookID": self.webhook_id,
            "createDate": stamp(self.created_at),
            "errorMessage": self.message,
            "payload": self.payload,
            "sequenceNumber": self.sequence,
        }


def stamp(moment: datetime) -> str:
    """Autotask shows UTC with milliseconds, without zeros at their end (seen in a public integration)."""
    whole, _, fraction = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").partition(".")
    milliseconds = fraction[:3].rstrip("0")
    return f"{whole}.{milliseconds}Z" if milliseconds else f"{whole}Z"
