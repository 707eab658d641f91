"""The webhooks of one connection: one for tickets, one for their notes, each made in three steps.

Step one makes the webhook, step two names its fields (without a subscribed one it never gets ready), step
three leaves out this service's own changes (developer help, "Creating a webhook").
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from integrations.answers import NotFoundError
from integrations.autotask.api import Api, where
from integrations.autotask.mapping import Record, as_json
from integrations.autotask.names import Names, record, written_id
from integrations.autotask.webhook import callout_url, plain_url
from integrations.errors import RejectedError
from integrations.ports import Registration

#: At most 50 characters (developer help, Webhooks entity).
NAME = "ticketwalk"


@dataclass(frozen=True, slots=True)
class Entity:
    """One kind of webhook. A change of a `subscribed` field fires it; `displayed` ones always come along."""

    webhooks: str
    fields: str
    word: str
    subscribed: tuple[str, ...]
    displayed: tuple[str, ...] = ()

    @property
    def wanted(self) -> tuple[str, ...]:
        return (*self.subscribed, *self.displayed)


#: What rules and walks look at, so what should be noticed at once. Creating and deleting need no field.
TICKETS = Entity(
    "TicketWebhooks",
    "TicketWebhookFields",
    "tickets",
    subscribed=("status", "queueID", "priority", "ticketType", "assignedResourceID", "title"),
)
#: A note's callout must say whose note it is.
NOTES = Entity(
    "TicketNoteWebhooks",
    "TicketNoteWebhookFields",
    "ticket notes",
    subscribed=("description", "title"),
    displayed=("ticketID",),
)
ENTITIES = (TICKETS, NOTES)


class _Webhook(Record):
    id: int
    webhook_url: str | None = None
    is_active: bool = False
    is_ready: bool = False
    is_subscribed_to_create_events: bool = False
    is_subscribed_to_update_events: bool = False
    is_subscribed_to_delete_events: bool = False

    @property
    def hears_all(self) -> bool:
        return (
            self.is_subscribed_to_create_events
            and self.is_subscribed_to_update_events
            and self.is_subscribed_to_delete_events
        )


class _Field(Record):
    id: int
    field_id: int
    is_subscribed_field: bool = False
    is_display_always_field: bool = False


class _Excluded(Record):
    id: int
    resource_id: int


class Webhooks:
    """Finds and makes the webhooks of one connection, known by their URL."""

    def __init__(self, api: Api, names: Names, *, secret: str, own_resource: str | None) -> None:
        self._api = api
        self._names = names
        self._secret = secret
        self._own_resource = own_resource

    def registration(self, webhook_url: str) -> Registration:
        """Return what is registered, and what is wrong with it. Writes nothing."""
        ids: list[str] = []
        problems: list[str] = []
        for entity in ENTITIES:
            found = self._ours(entity, webhook_url)
            ids += [_id(entity, webhook) for webhook in found]
            problems += self._problems(entity, found, webhook_url)
        return Registration(tuple(ids), tuple(problems))

    def register(self, webhook_url: str) -> Registration:
        """Leave exactly one webhook per entity, armed, complete, with the newest secret. Safe to repeat."""
        if not self._secret:
            raise RejectedError("Autotask signs with the connection's webhook secret, and it has none")
        for entity in ENTITIES:
            self._register(entity, webhook_url)
        return self.registration(webhook_url)

    def _register(self, entity: Entity, webhook_url: str) -> None:
        found = self._ours(entity, webhook_url)
        kept = next((webhook for webhook in found if webhook.is_active and webhook.is_ready), None)
        kept = kept or (found[0] if found else None)
        for webhook in found:
            if webhook is not kept:
                self._delete(f"/{entity.webhooks}/{webhook.id}")
        webhook_id = self._write_webhook(entity, webhook_url, kept.id if kept else None)
        self._complete_fields(entity, webhook_id)
        self._exclude_own(entity, webhook_id)

    def _ours(self, entity: Entity, webhook_url: str) -> list[_Webhook]:
        """Also those at the address without the resource id at its end: it may have been given later."""
        plain = plain_url(webhook_url, self._own_resource)
        listed = self._api.query(entity.webhooks, [where("id", 0, "gt")])
        known = (record(_Webhook, item) for item in listed)
        return [
            webhook for webhook in known if plain_url(webhook.webhook_url or "", self._own_resource) == plain
        ]

    def _problems(self, entity: Entity, found: list[_Webhook], webhook_url: str) -> Iterable[str]:
        if not found:
            yield f"no webhook for {entity.word} is registered"
        times = len(found)
        if times > 1:
            yield f"{times} webhooks for {entity.word} are registered: every change comes {times} times"
        for webhook in found:
            yield from self._problems_of(entity, webhook, webhook_url)

    def _problems_of(self, entity: Entity, webhook: _Webhook, webhook_url: str) -> Iterable[str]:
        name = f"webhook {webhook.id} for {entity.word}"
        if not webhook.is_active:
            yield f"the {name} is switched off"
        if not webhook.is_ready:
            yield f"the {name} is not ready: it has no subscribed field"
        if not webhook.hears_all:
            yield f"the {name} does not hear of everything that is created, updated and deleted"
        if webhook.webhook_url != callout_url(webhook_url, self._own_resource):
            yield f"the {name} calls an address without the API user's resource id"
        missing = self._missing_fields(entity, webhook.id)
        if missing:
            yield f"the {name} lacks the fields {', '.join(missing)}"
        if not self._own_is_excluded(entity, webhook.id):
            yield f"the {name} does not leave out this service's own changes"

    def _write_webhook(self, entity: Entity, webhook_url: str, webhook_id: int | None) -> int:
        """The secret cannot be read back, so what stands is written again as well."""
        url = callout_url(webhook_url, self._own_resource)
        webhook = {
            "Name": NAME,
            "IsActive": True,
            "WebhookUrl": url,
            # required; what comes there is unsigned, and only prompts a look at the registration
            "DeactivationUrl": url,
            "SecretKey": self._secret,
            "IsSubscribedToCreateEvents": True,
            "IsSubscribedToUpdateEvents": True,
            "IsSubscribedToDeleteEvents": True,
            "SendThresholdExceededNotification": False,
        }
        if webhook_id is None:
            return self._write("POST", f"/{entity.webhooks}", webhook)
        self._write("PATCH", f"/{entity.webhooks}", {"id": webhook_id, **webhook})
        return webhook_id

    def _complete_fields(self, entity: Entity, webhook_id: int) -> None:
        path = f"/{entity.webhooks}/{webhook_id}/Fields"
        present = self._fields(entity, webhook_id)
        offered = self._offered(entity)
        if not any(name in offered for name in entity.subscribed):
            raise RejectedError(f"Autotask offers none of the fields that webhooks for {entity.word} need")
        for name in (name for name in entity.wanted if name in offered):
            standing = present.get(offered[name])
            if _serves(entity, name, standing):
                continue
            field = {
                "FieldID": offered[name],
                "WebhookID": webhook_id,
                "IsSubscribedField": name in entity.subscribed,
                "IsDisplayAlwaysField": name in entity.displayed,
            }
            method, known = ("PATCH", {"id": standing.id}) if standing else ("POST", {})
            self._write(method, path, {**known, **field})

    def _missing_fields(self, entity: Entity, webhook_id: int) -> list[str]:
        """Those that Autotask does not offer are missing too: without ticketID, notes come by reconcile."""
        present, offered = self._fields(entity, webhook_id), self._offered(entity)
        return [
            name for name in entity.wanted if not _serves(entity, name, present.get(offered.get(name, 0)))
        ]

    def _fields(self, entity: Entity, webhook_id: int) -> dict[int, _Field]:
        listed = self._api.children(f"/{entity.webhooks}/{webhook_id}/Fields")
        return {field.field_id: field for field in (record(_Field, item) for item in listed)}

    def _offered(self, entity: Entity) -> dict[str, int]:
        """Return the ids of the wanted fields: the picklist of fieldID, whose labels are the fields' names.

        Fields have no id anywhere else (n8n-nodes-autotask). Some labels are written with spaces.
        """
        wanted = {name.lower(): name for name in entity.wanted}
        labels = {
            choice.label.replace(" ", "").lower(): choice.value
            for choice in self._names.choices(entity.fields, "fieldID")
        }
        return {wanted[label]: value for label, value in labels.items() if label in wanted}

    def _exclude_own(self, entity: Entity, webhook_id: int) -> None:
        if self._own_resource and not self._own_is_excluded(entity, webhook_id):
            excluded = {"ResourceID": int(self._own_resource), "WebhookID": webhook_id}
            self._write("POST", f"/{entity.webhooks}/{webhook_id}/ExcludedResources", excluded)

    def _own_is_excluded(self, entity: Entity, webhook_id: int) -> bool:
        if not self._own_resource:
            return True
        listed = self._api.children(f"/{entity.webhooks}/{webhook_id}/ExcludedResources")
        return int(self._own_resource) in {record(_Excluded, item).resource_id for item in listed}

    def _write(self, method: str, path: str, body: dict[str, Any]) -> int:
        return written_id(self._api.write(method, path, as_json(body)))

    def _delete(self, path: str) -> None:
        try:
            self._api.write("DELETE", path, b"")
        except NotFoundError:
            return


def _serves(entity: Entity, name: str, field: _Field | None) -> bool:
    if field is None:
        return False
    return field.is_subscribed_field if name in entity.subscribed else field.is_display_always_field


def _id(entity: Entity, webhook: _Webhook) -> str:
    """Ids are counted for each entity by itself, so the entity belongs to the name."""
    return f"{entity.webhooks}/{webhook.id}"
