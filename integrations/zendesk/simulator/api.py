"""The simulated REST API, as far as a ticket integration needs it."""

import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Depends, Request

from integrations.ports import Link
from integrations.zendesk.api import API_PATH, basic_token
from integrations.zendesk.simulator.bodies import (
    Comments,
    Exported,
    NewWebhook,
    Paged,
    PageQuery,
    Shown,
    TicketUpdate,
)
from integrations.zendesk.simulator.errors import BAD_REQUEST, RefusedError, missing, no_entry
from integrations.zendesk.simulator.records import Webhook
from integrations.zendesk.simulator.settings import Settings
from integrations.zendesk.simulator.world import API_USER, World

#: The longest list that one answer of the export holds.
EXPORT_SIZE = 1_000
#: A later start is refused ("Using the Incremental Export API").
LATEST_START = timedelta(minutes=1)

ANONYMOUS = {"id": None, "name": "Anonymous user", "email": "invalid@example.com", "role": "end-user"}


def api_router(world: World, settings: Settings) -> APIRouter:
    """Everything under the API path. Only `/users/me` answers to those who show no credentials."""
    router = APIRouter(prefix=API_PATH)

    def require_credentials(request: Request) -> None:
        expected = f"Basic {basic_token(Link('', '', world.identity.credentials))}".encode()
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), expected):
            raise no_entry()

    @router.get("/users/me")
    def me(request: Request) -> dict[str, Any]:
        if "authorization" not in request.headers:
            return {"user": ANONYMOUS}
        require_credentials(request)
        return {"user": API_USER.as_json()}

    inner = APIRouter(dependencies=[Depends(require_credentials)])
    _add_tickets(inner, world)
    _add_export(inner, world, settings)
    _add_webhooks(inner, world)
    router.include_router(inner)
    return router


def _add_tickets(router: APIRouter, world: World) -> None:
    @router.get("/tickets/{ticket_id}")
    def show(ticket_id: int, query: Shown) -> dict[str, Any]:
        ticket = world.ticket(ticket_id)
        loaded = ticket.sideloaded()
        return {
            "ticket": ticket.as_json(),
            **{name: loaded[name] for name in query.include.split(",") if name},
        }

    @router.put("/tickets/{ticket_id}")
    def update(ticket_id: int, body: TicketUpdate) -> dict[str, Any]:
        comment = world.update(ticket_id, body.ticket, API_USER)
        events = [comment.as_json()] if comment else []
        return {
            "ticket": world.ticket(ticket_id).as_json(),
            "audit": {"ticket_id": ticket_id, "events": events},
        }

    @router.get("/tickets/{ticket_id}/comments")
    def list_comments(ticket_id: int, query: Comments) -> dict[str, Any]:
        comments = world.ticket(ticket_id).comments
        authors = {comment.author.id: comment.author for comment in comments}
        users = {"users": [author.as_json() for author in authors.values()]} if query.include else {}
        return {**_page("comments", [comment.as_json() for comment in comments], query), **users}


def _add_export(router: APIRouter, world: World, settings: Settings) -> None:
    @router.get("/incremental/tickets/cursor")
    def export(query: Exported) -> dict[str, Any]:
        now = datetime.now(UTC)
        latest = (now - timedelta(seconds=settings.export_lag_seconds)).timestamp()
        moment, skip = _start(query, now)
        changed = sorted(
            (
                ticket.as_json()
                for ticket in world.tickets()
                if not (query.exclude_deleted and ticket.deleted)
            ),
            key=lambda ticket: (ticket["generated_timestamp"], ticket["id"]),
        )
        found = [t for t in changed if moment <= t["generated_timestamp"] <= latest][skip:]
        cursor = f"{moment}-{skip + len(found[:EXPORT_SIZE])}"
        ended = len(found) <= EXPORT_SIZE
        return {"tickets": found[:EXPORT_SIZE], "after_cursor": cursor, "end_of_stream": ended}


def _start(query: Exported, now: datetime) -> tuple[int, int]:
    if query.cursor:
        moment, _, skip = query.cursor.partition("-")
        return int(moment), int(skip)
    if query.start_time is None:
        raise RefusedError(
            BAD_REQUEST, {"error": "MissingParameter", "description": "start_time is required"}
        )
    if query.start_time > (now - LATEST_START).timestamp():
        words = "Too recent start_time. Use a start_time older than 60 seconds"
        raise RefusedError(BAD_REQUEST, {"error": "StartTimeTooRecent", "description": words})
    return query.start_time, 0


def _add_webhooks(router: APIRouter, world: World) -> None:
    @router.get("/webhooks")
    def list_webhooks(query: Paged) -> dict[str, Any]:
        return _page("webhooks", [webhook.as_json() for webhook in world.webhooks.values()], query)

    @router.post("/webhooks", status_code=201)
    def create_webhook(body: NewWebhook) -> dict[str, Any]:
        return {"webhook": world.register(body.webhook).as_json()}

    @router.delete("/webhooks/{webhook_id}", status_code=204)
    def delete_webhook(webhook_id: str) -> None:
        del world.webhooks[_webhook(world, webhook_id).id]

    @router.get("/webhooks/{webhook_id}/signing_secret")
    def signing_secret(webhook_id: str) -> dict[str, Any]:
        webhook = _webhook(world, webhook_id)
        return {"signing_secret": {"secret": webhook.secret, "algorithm": "SHA256"}}


def _webhook(world: World, webhook_id: str) -> Webhook:
    if webhook_id not in world.webhooks:
        raise missing()
    return world.webhooks[webhook_id]


def _page(name: str, items: list[dict[str, Any]], query: PageQuery) -> dict[str, Any]:
    """Return one page; a cursor is the number of items in front of it."""
    end = query.after + query.size
    return {
        name: items[query.after : end],
        "meta": {"has_more": end < len(items), "after_cursor": str(end), "before_cursor": str(query.after)},
    }
