"""`/Webhook` and `/Notification`: where integrations register for webhooks."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Query

from integrations.halopsa.simulator.bodies import Details, NotificationBody, WebhookBody, WebhookQuery
from integrations.halopsa.simulator.directory import EventNumber
from integrations.halopsa.simulator.errors import BAD_REQUEST, RefusedError, missing
from integrations.halopsa.simulator.records import Webhook
from integrations.halopsa.simulator.world import World

OUTGOING = 0
NOTIFICATION_TYPE, BY_WEBHOOK = -2, 6


def add_webhooks(router: APIRouter, world: World) -> None:
    """Add the registration of webhooks and their events to the API's router."""

    @router.get("/Webhook")
    def list_webhooks(query: Annotated[WebhookQuery, Query()]) -> list[dict[str, Any]]:
        return [] if query.type not in {None, OUTGOING} else [w.as_json() for w in world.webhooks.values()]

    @router.get("/Webhook/{webhook_id}")
    def get_webhook(webhook_id: str, query: Annotated[Details, Query()]) -> dict[str, Any]:
        return _webhook(world, webhook_id).as_json(details=query.includedetails)

    @router.post("/Webhook", status_code=201)
    def write_webhooks(bodies: list[WebhookBody]) -> list[dict[str, Any]]:
        return [write_webhook(world, body).as_json(details=True) for body in bodies]

    @router.delete("/Webhook/{webhook_id}")
    def delete_webhook(webhook_id: str) -> dict[str, Any]:
        return world.webhooks.pop(_webhook(world, webhook_id).id).as_json()

    @router.post("/Notification", status_code=201)
    def write_notifications(bodies: list[NotificationBody]) -> list[dict[str, Any]]:
        return [_attach(world, body) for body in bodies]


def write_webhook(world: World, body: WebhookBody) -> Webhook:
    """Make the webhook, or change what the body names of the one that `id` names."""
    if body.id is not None:
        webhook = _webhook(world, body.id)
        for name, value in body.model_dump(exclude_none=True, exclude={"id"}).items():
            if name in Webhook.__dataclass_fields__:
                setattr(webhook, name, value)
        webhook.failures = 0
        return webhook
    if not body.name or not (body.url or "").startswith(("http://", "https://")):
        raise RefusedError(BAD_REQUEST, "A Name and a Payload URL must be entered")
    webhook = Webhook(
        id=str(uuid.uuid4()),
        name=body.name,
        url=body.url or "",
        active=bool(body.active),
        authentication_type=body.authentication_type or 0,
        basic_username=body.basic_username,
        basic_password=body.basic_password,
        auto_disable_attempts=body.auto_disable_attempts or 0,
        batch_method=body.batch_method or 0,
    )
    world.webhooks[webhook.id] = webhook
    return webhook


def _attach(world: World, body: NotificationBody) -> dict[str, Any]:
    if body.type != NOTIFICATION_TYPE or body.delivery_method != BY_WEBHOOK:
        raise RefusedError(BAD_REQUEST, "The notification fires no webhook")
    if body.eventno not in {event.value for event in EventNumber}:
        raise RefusedError(BAD_REQUEST, f"There is no event {body.eventno}")
    number = world.next_id()
    _webhook(world, body.webhook_id).events.append((number, body.eventno))
    return {**body.model_dump(), "id": number}


def _webhook(world: World, webhook_id: str) -> Webhook:
    if webhook_id not in world.webhooks:
        raise missing("Webhook", webhook_id)
    return world.webhooks[webhook_id]
