"""`POST /webhooks/{provider}/{connection_id}`: nothing unverified is stored, nothing is answered unstored."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar
from uuid import UUID

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from starlette.background import BackgroundTask

from integrations.errors import KeyUnavailableError, PayloadError, SignatureError
from integrations.ports import Event, EventKind, Provider, WebhookRequest
from worker.crash_points import CrashPoint, reach
from worker.errors import StoreUnavailableError
from worker.receiver.body import read_body
from worker.receiver.group_commit import GroupCommit
from worker.receiver.links import Links, OpenConnection
from worker.receiver.metrics import DELIVERIES
from worker.receiver.problems import RETRY_AFTER_SECONDS, ProblemError
from worker.services.context import Context
from worker.services.intake import NewDelivery, Stored, store

log = structlog.get_logger()

T = TypeVar("T")

#: The store answers within this or counts as unavailable, in seconds. ConnectWise gives up after 5 s.
STORE_SECONDS = 1.8


def webhook_routes(context: Context) -> APIRouter:
    """Return the routes of the webhook receiver."""
    router = APIRouter()
    links = Links(context)
    commits = GroupCommit(lambda deliveries: store(context, deliveries))

    # ConnectWise appends the record's id and the action to the URL it was given; all of that is ignored
    @router.post("/webhooks/{provider}/{connection_id}", status_code=HTTPStatus.ACCEPTED)
    @router.post(
        "/webhooks/{provider}/{connection_id}/{appended:path}",
        status_code=HTTPStatus.ACCEPTED,
        include_in_schema=False,
    )
    async def receive(provider: str, connection_id: str, request: Request) -> JSONResponse:
        """Accept one signed delivery. The answer comes after it is stored."""
        body = await read_body(request)
        known = context.providers.get(provider)
        if known is None:
            raise _counted("unknown", ProblemError(HTTPStatus.NOT_FOUND, "there is no such connection"))
        connection = await _within(known, asyncio.to_thread(links.find, provider, connection_id))
        if connection is None:
            raise _counted(provider, ProblemError(HTTPStatus.NOT_FOUND, "there is no such connection"))
        received = WebhookRequest(body, _headers(request), datetime.now(UTC))
        event = await asyncio.to_thread(_read, connection, received)
        stored = await _within(known, commits.add(_delivery(connection, event, body)))
        _report(provider, event, stored)
        return JSONResponse(
            {"delivery_id": stored.delivery_id, "duplicate": stored.duplicate},
            status_code=HTTPStatus.ACCEPTED,
            background=BackgroundTask(_answered),
        )

    return router


async def _answered() -> None:
    reach(CrashPoint.RECEIVER_ANSWERED)


def _read(connection: OpenConnection, request: WebhookRequest) -> Event:
    """Verify, then parse. Every refusal has its status, and says nothing that a forger could use."""
    provider = connection.provider
    try:
        provider.verify(request, connection.link)
        return provider.parse(request)
    except SignatureError as error:
        log.warning("delivery refused", provider=provider.name, reason=str(error))
        raise _counted(
            provider.name, ProblemError(HTTPStatus.UNAUTHORIZED, "the signature does not verify")
        ) from None
    except PayloadError as error:
        raise _counted(provider.name, ProblemError(HTTPStatus.BAD_REQUEST, str(error))) from None
    except KeyUnavailableError as error:
        log.warning("key unavailable", provider=provider.name, reason=str(error))
        raise _unavailable(provider, "the signing key could not be fetched") from None


async def _within(provider: Provider, work: Coroutine[Any, Any, T]) -> T:
    """Return what the store answers in time. A late one may still be stored; a repeat is a duplicate."""
    try:
        return await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(work)), STORE_SECONDS)
    except (StoreUnavailableError, DBAPIError, TimeoutError) as error:
        log.warning("store unavailable", provider=provider.name, error=type(error).__name__)
        raise _unavailable(provider, "the store is unavailable; nothing is lost if you send again") from None


def _unavailable(provider: Provider, detail: str) -> ProblemError:
    status = provider.unavailable_status
    return _counted(provider.name, ProblemError(status, detail, retry_after=RETRY_AFTER_SECONDS))


def _delivery(connection: OpenConnection, event: Event, body: bytes) -> NewDelivery:
    """A PSA's ticket is a lane; commands that come themselves keep the order of their whole connection."""
    carries = connection.provider.carries_commands
    return NewDelivery(
        account_id=connection.account_id,
        connection_id=UUID(connection.link.connection_id),
        lane="" if carries else event.ticket_id or "",
        event=event,
        body=body,
    )


def _headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _report(provider: str, event: Event, stored: Stored) -> None:
    outcome = "duplicate" if stored.duplicate else "stored"
    if event.kind is EventKind.IGNORED and not stored.duplicate:
        outcome = "ignored"
    DELIVERIES.labels(provider=provider, outcome=outcome).inc()
    log.info("delivery accepted", provider=provider, delivery_id=stored.delivery_id, outcome=outcome)


def _counted(provider: str, error: ProblemError) -> ProblemError:
    DELIVERIES.labels(provider=provider, outcome=str(error.status)).inc()
    return error
