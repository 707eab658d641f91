"""`POST /webhooks/{provider}/{connection_id}`: nothing unverified is stored, nothing is answered unstored."""

import asyncio
from collections.abc import Awaitable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar
from uuid import UUID

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from starlette.background import BackgroundTask

from integrations.errors import KeyUnavailableError, PayloadError, SignatureError, UnsignedNoticeError
from integrations.ports import Event, EventKind, Provider, WebhookRequest
from worker.crash_points import CrashPoint, reach
from worker.errors import TicketwalkError
from worker.receiver.body import check_head, read_body
from worker.receiver.group_commit import GroupCommit
from worker.receiver.links import Links, OpenConnection, appended
from worker.receiver.metrics import DELIVERIES
from worker.receiver.problems import RETRY_AFTER_SECONDS, ProblemError
from worker.services.context import Context
from worker.services.intake import NewDelivery, Stored, store
from worker.services.notices import notice_unsigned

log = structlog.get_logger()

T = TypeVar("T")

#: The store answers within this or counts as unavailable, in seconds. ConnectWise gives up after 5 s.
STORE_SECONDS = 1.8
#: Verifying may fetch a key, bounded by this, in seconds; with the store's time it stays below those 5 s.
VERIFY_SECONDS = 2.5
#: A look-up is one primary-key read, remembered for seconds.
FINDING_THREADS = 4
#: Each may wait for a key server; without one to ask, verifying takes well under a millisecond.
VERIFYING_THREADS = 32
#: Events in one body. Each is a row; a sender that batches more sends a second body.
MAX_EVENTS = 500


def webhook_routes(context: Context) -> APIRouter:
    """Return the routes of the webhook receiver."""
    router = APIRouter()
    links = Links(context)
    commits = GroupCommit(lambda deliveries: store(context, deliveries))
    # threads of their own: a sender whose key server hangs must not keep the others from the store
    finding = ThreadPoolExecutor(FINDING_THREADS, "finding")
    verifying = ThreadPoolExecutor(VERIFYING_THREADS, "verifying")

    # a sender may write behind the URL it was given (ConnectWise), or carry a secret word there
    @router.post("/webhooks/{provider}/{connection_id}", status_code=HTTPStatus.ACCEPTED)
    @router.post(
        "/webhooks/{provider}/{connection_id}/{rest:path}",
        status_code=HTTPStatus.ACCEPTED,
        include_in_schema=False,
    )
    async def receive(provider: str, connection_id: str, request: Request) -> JSONResponse:
        """Accept one signed delivery. The answer comes after it is stored."""
        check_head(request)
        known = context.providers.get(provider)
        if known is None:
            raise _counted("unknown", ProblemError(HTTPStatus.NOT_FOUND, "there is no such connection"))
        loop = asyncio.get_running_loop()
        connection = await _within(known, loop.run_in_executor(finding, links.find, provider, connection_id))
        if connection is None:
            raise _counted(provider, ProblemError(HTTPStatus.NOT_FOUND, "there is no such connection"))
        # only now: a body for nobody is not read
        body = await read_body(request)
        behind = appended(connection_id, request.path_params.get("rest", ""))
        received = WebhookRequest(body, _headers(request), datetime.now(UTC), behind)
        if known.carries_commands:
            events = _read(context, connection, received)  # asks nobody, so it needs no thread
        else:
            reading = loop.run_in_executor(verifying, _read, context, connection, received)
            events = await _verified(known, reading)
        stored = await _within(known, commits.add([_delivery(connection, event, body) for event in events]))
        _report(provider, events, stored)
        return JSONResponse(
            {"delivery_id": stored[0].delivery_id, "duplicate": all(one.duplicate for one in stored)},
            status_code=HTTPStatus.ACCEPTED,
            background=BackgroundTask(_answered),
        )

    return router


async def _answered() -> None:
    reach(CrashPoint.RECEIVER_ANSWERED)


def _read(context: Context, connection: OpenConnection, request: WebhookRequest) -> Sequence[Event]:
    """Verify, then parse. Every refusal has its status, and says nothing that a forger could use."""
    provider = connection.provider
    try:
        provider.verify(request, connection.link)
        return _some(provider.parse(request))
    except SignatureError as error:
        if isinstance(error, UnsignedNoticeError):
            notice_unsigned(context, UUID(connection.link.connection_id))
        log.warning("delivery refused", provider=provider.name, reason=str(error))
        raise _counted(
            provider.name, ProblemError(HTTPStatus.UNAUTHORIZED, "the signature does not verify")
        ) from None
    except PayloadError as error:
        raise _counted(provider.name, ProblemError(HTTPStatus.BAD_REQUEST, str(error))) from None
    except KeyUnavailableError as error:
        log.warning("key unavailable", provider=provider.name, reason=str(error))
        raise _unavailable(provider, "the signing key could not be fetched") from None


def _some(events: Sequence[Event]) -> Sequence[Event]:
    if not 0 < len(events) <= MAX_EVENTS:
        raise PayloadError(f"the body carries {len(events)} events; between 1 and {MAX_EVENTS} are taken")
    return events


async def _verified(provider: Provider, reading: "asyncio.Future[Sequence[Event]]") -> Sequence[Event]:
    """Return what was read in time; a key server that hangs has the sender try again."""
    try:
        return await asyncio.wait_for(reading, VERIFY_SECONDS)
    except TimeoutError:
        raise _unavailable(provider, "the signing key could not be fetched in time") from None


async def _within(provider: Provider, work: Awaitable[T]) -> T:
    """Return what the store answers in time. A late one may still be stored; a repeat is a duplicate."""
    storing = asyncio.ensure_future(work)
    # what fails after its time is nobody's any more; unseen, asyncio would log it as an error of ours
    storing.add_done_callback(lambda late: late.cancelled() or late.exception())
    try:
        return await asyncio.wait_for(asyncio.shield(storing), STORE_SECONDS)
    except (TicketwalkError, DBAPIError, TimeoutError) as error:
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
        body=body if event.body is None else event.body,
    )


def _headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _report(provider: str, events: Sequence[Event], stored: Sequence[Stored]) -> None:
    for event, one in zip(events, stored, strict=True):
        outcome = "duplicate" if one.duplicate else "stored"
        if event.kind is EventKind.IGNORED and not one.duplicate:
            outcome = "ignored"
        DELIVERIES.labels(provider=provider, outcome=outcome).inc()
        log.info("delivery accepted", provider=provider, delivery_id=one.delivery_id, outcome=outcome)


def _counted(provider: str, error: ProblemError) -> ProblemError:
    DELIVERIES.labels(provider=provider, outcome=str(error.status)).inc()
    return error
