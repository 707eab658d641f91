"""`/TicketWebhooks` and `/TicketNoteWebhooks`: where integrations register for callouts."""

from typing import Any

from fastapi import APIRouter

from integrations.autotask.simulator.bodies import ExcludedBody, FieldBody, WebhookBody, WebhookPatch
from integrations.autotask.simulator.errors import NO_MATCH, RefusedError, unknown_reference
from integrations.autotask.simulator.picklists import WEBHOOK_FIELDS, resource
from integrations.autotask.simulator.records import Webhook, WebhookField
from integrations.autotask.simulator.world import World


def add_webhooks(router: APIRouter, world: World) -> None:
    """Add the registrations of both entities to the API's router."""
    for entity in WEBHOOK_FIELDS:
        _add_webhooks(router, world, entity)
        _add_fields(router, world, entity)
        _add_excluded(router, world, entity)


def _add_webhooks(router: APIRouter, world: World, entity: str) -> None:
    path = f"/{entity}Webhooks"

    @router.post(path)
    def create_webhook(body: WebhookBody) -> dict[str, int]:
        world.require_right(f"{entity}Webhooks", "create")
        _require_url(body.webhook_url)
        webhook = Webhook(world.next_id(), entity, body)
        world.webhooks[entity][webhook.id] = webhook
        return {"itemId": webhook.id}

    @router.patch(path)
    def patch_webhook(body: WebhookPatch) -> dict[str, int]:
        webhook = _webhook(world, entity, body.id)
        changes = body.model_dump(exclude_unset=True, exclude={"id"})
        _require_url(changes.get("webhook_url", webhook.body.webhook_url))
        webhook.body = webhook.body.model_copy(update=changes)
        webhook.failures = 0
        return {"itemId": webhook.id}

    @router.get(path + "/{webhook_id}")
    def get_webhook(webhook_id: int) -> dict[str, Any]:
        webhook = world.webhooks[entity].get(webhook_id)
        return {"item": webhook.as_json() if webhook else None}

    @router.delete(path + "/{webhook_id}")
    def delete_webhook(webhook_id: int) -> dict[str, int]:
        del world.webhooks[entity][_webhook(world, entity, webhook_id).id]
        return {"itemId": webhook_id}


def _add_fields(router: APIRouter, world: World, entity: str) -> None:
    path = f"/{entity}Webhooks/{{webhook_id}}/Fields"

    @router.get(path)
    def list_fields(webhook_id: int) -> dict[str, Any]:
        fields = _webhook(world, entity, webhook_id).fields.values()
        return _listed([field.as_json(webhook_id) for field in fields])

    @router.post(path)
    def create_field(webhook_id: int, body: FieldBody) -> dict[str, int]:
        webhook = _webhook(world, entity, webhook_id)
        if body.field_id not in WEBHOOK_FIELDS[entity]:
            raise unknown_reference("fieldID", "WebhookField")
        if body.field_id in {field.field_id for field in webhook.fields.values()}:
            raise RefusedError("Value of field fieldID is there already.")
        return _put_field(webhook, world.next_id(), body)

    @router.patch(path)
    def patch_field(webhook_id: int, body: FieldBody) -> dict[str, int]:
        webhook = _webhook(world, entity, webhook_id)
        if body.id not in webhook.fields:
            raise RefusedError(NO_MATCH)
        return _put_field(webhook, body.id, body)


def _add_excluded(router: APIRouter, world: World, entity: str) -> None:
    path = f"/{entity}Webhooks/{{webhook_id}}/ExcludedResources"

    @router.get(path)
    def list_excluded(webhook_id: int) -> dict[str, Any]:
        excluded = _webhook(world, entity, webhook_id).excluded
        return _listed(
            [{"id": one, "webhookID": webhook_id, "resourceID": person} for one, person in excluded.items()]
        )

    @router.post(path)
    def create_excluded(webhook_id: int, body: ExcludedBody) -> dict[str, int]:
        webhook = _webhook(world, entity, webhook_id)
        person = resource(body.resource_id).id
        if person in webhook.excluded.values():
            raise RefusedError("Value of field resourceID is there already.")
        excluded_id = world.next_id()
        webhook.excluded[excluded_id] = person
        return {"itemId": excluded_id}


def _put_field(webhook: Webhook, record_id: int, body: FieldBody) -> dict[str, int]:
    field = WebhookField(record_id, body.field_id, body.is_subscribed_field, body.is_display_always_field)
    webhook.fields[record_id] = field
    return {"itemId": record_id}


def _webhook(world: World, entity: str, webhook_id: int) -> Webhook:
    webhook = world.webhooks[entity].get(webhook_id)
    if webhook is None:
        raise RefusedError(NO_MATCH)
    return webhook


def _require_url(url: str) -> None:
    """The real one takes https on port 443 alone; a stand-in calls loopback."""
    if not url.startswith(("http://", "https://")):
        raise RefusedError("Value of field webhookUrl is not a URL.")


def _listed(items: list[dict[str, Any]]) -> dict[str, Any]:
    details = {"count": len(items), "requestCount": 500, "prevPageUrl": None, "nextPageUrl": None}
    return {"items": items, "pageDetails": details}
