"""`POST /webhooks/{provider}/{connection_id}`: nothing unverified is stored, nothing is answered unstored."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
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
from worker.receiver.rates import Rates
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
#: A connection may save up this many seconds of its rate for a burst: a PSA's mass update comes at once.
BURST_SECONDS = 10
#: Refused deliveries of one connection that are logged: one a second, after so many. All are counted.
REFUSALS_LOGGED_PER_SECOND, REFUSALS_LOGGED_AT_ONCE = 1, 20


def webhook_routes(context: Context, *, deliveries_per_second: float) -> APIRouter:
    """Return the routes of the webhook receiver."""
    router = APIRouter()
    links = Links(context)
    rates = Rates(deliveries_per_second, burst=max(1, deliveries_per_second * BURST_SECONDS))
    refusals = Rates(REFUSALS_LOGGED_PER_SECOND, burst=REFUSALS_LOGGED_AT_ONCE)
    read = partial(_read, context, refusals)
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
            events = read(connection, received)  # asks nobody, so it needs no thread
        else:
            events = await _verified(
                connection, partial(_submit, verifying, partial(read, connection, received))
            )
        _ensure_within_rate(rates, connection)
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


def _read(
    context: Context, refusals: Rates, connection: OpenConnection, request: WebhookRequest
) -> Sequence[Event]:
    """Verify, then parse. Every refusal has its status, and says nothing that a forger could use."""
    provider = connection.provider
    try:
        provider.verify(request, connection.link)
        return _some(provider.parse(request))
    except SignatureError as error:
        _tell_refusal(context, refusals, connection, error)
        raise _counted(
            provider.name, ProblemError(HTTPStatus.UNAUTHORIZED, "the signature does not verify")
        ) from None
    except PayloadError as error:
        raise _counted(provider.name, ProblemError(HTTPStatus.BAD_REQUEST, str(error))) from None
    except KeyUnavailableError as error:
        if not refusals.take(connection.link.connection_id):
            log.warning("key unavailable", provider=provider.name, reason=str(error))
        raise _unavailable(provider, "the signing key could not be fetched") from None


def _tell_refusal(
    context: Context, refusals: Rates, connection: OpenConnection, error: SignatureError
) -> None:
    """Say why, and heed a notice, at a bounded rate: anybody may send these, at any pace."""
    connection_id = connection.link.connection_id
    if not refusals.take(connection_id):
        log.warning("delivery refused", provider=connection.provider.name, reason=str(error))
    # a rate of its own: other forged deliveries must not keep a true notice from being heeded
    if isinstance(error, UnsignedNoticeError) and not refusals.take((connection_id, "notice")):
        notice_unsigned(context, UUID(connection_id))


def _some(events: Sequence[Event]) -> Sequence[Event]:
    if not 0 < len(events) <= MAX_EVENTS:
        raise PayloadError(f"the body carries {len(events)} events; between 1 and {MAX_EVENTS} are taken")
    return events


def _submit(
    verifying: ThreadPoolExecutor, read: Callable[[], Sequence[Event]]
) -> "asyncio.Future[Sequence[Event]]":
    """Read in a thread; what is logged there names the request too."""
    return asyncio.get_running_loop().run_in_executor(verifying, copy_context().run, read)


async def _verified(
    connection: OpenConnection, submit: "Callable[[], asyncio.Future[Sequence[Event]]]"
) -> Sequence[Event]:
    """Return what was read in time; a key server that hangs has the sender try again.

    A connection's deliveries take turns, first come first served: forged ones delay it, and nobody else.
    """
    try:
        async with asyncio.timeout(VERIFY_SECONDS):
            await connection.turn.acquire()
            reading = submit()
            # not when nobody waits for it any more: its thread is busy for longer than that
            reading.add_done_callback(partial(_end_turn, connection))
            return await asyncio.shield(reading)
    except TimeoutError:
        raise _unavailable(connection.provider, "the signing key could not be fetched in time") from None


def _end_turn(connection: OpenConnection, reading: "asyncio.Future[Event]") -> None:
    connection.turn.release()
    reading.exception()  # seen, or asyncio would log one that nobody waited for


def _ensure_within_rate(rates: Rates, connection: OpenConnection) -> None:
    """Ask a sender that brings too much to come again. Only what is authentic counts against it."""
    if wait := rates.take(connection.link.connection_id):
        provider = connection.provider
        raise _unavailable(provider, "the connection brings too much at a time", retry_after=math.ceil(wait))


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


def _unavailable(provider: Provider, detail: str, *, retry_after: int = RETRY_AFTER_SECONDS) -> ProblemError:
    status = provider.unavailable_status
    return _counted(provider.name, ProblemError(status, detail, retry_after=retry_after))


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
