"""What Autotask allows: requests an hour for the tenant, threads for each endpoint."""

import asyncio
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from integrations.simulation.rate_limit import RateLimit

#: Developer help, "API thresholds": 10 000 requests in any 60 minutes; from half of it on, answers are held
#: back by 0.5 s, from three quarters by 1 s.
THRESHOLD, TIMEFRAME_MINUTES = 10_000, 60
DELAYS_SECONDS = ((0.75, 1.0), (0.5, 0.5))
#: Developer help, "Thread limiting", for each tracking identifier and endpoint.
THREADS = 3
MINUTE_SECONDS = 60.0

API_PREFIX = "/atservicesrest/v1.0/"
#: Answered without credentials, so on nobody's account.
FREE = frozenset({"zoneinformation"})
TOO_MANY, SERVER_ERROR = 429, 500
#: The number of the error is documented, its sentence is as integrators saw it.
TOO_MANY_THREADS = (
    "Thread Threshold Exceeded: the number of threads for this tracking identifier and endpoint "
    "is limited to {threads}. (Itgenatr005)"
)


@dataclass(slots=True)
class LimitSettings:
    """`latency_seconds` is how long each call holds its thread."""

    threshold: int = THRESHOLD
    threads: int = THREADS
    latency_seconds: float = 0.0
    delays_seconds: tuple[tuple[float, float], ...] = DELAYS_SECONDS


class Usage:
    """The tenant's requests in the last hour. Safe between threads."""

    def __init__(self) -> None:
        self.settings = LimitSettings()
        self._lock = threading.Lock()
        self._moments: deque[float] = deque()
        self._by_others = 0

    def count(self) -> int:
        with self._lock:
            horizon = time.monotonic() - TIMEFRAME_MINUTES * MINUTE_SECONDS
            while self._moments and self._moments[0] <= horizon:
                self._moments.popleft()
            return len(self._moments) + self._by_others

    def add(self) -> int:
        """Count a request and return how many there are with it."""
        with self._lock:
            self._moments.append(time.monotonic())
        return self.count()

    def pretend(self, by_others: int) -> None:
        """Say how many requests the tenant's other integrations have made."""
        with self._lock:
            self._by_others = by_others

    def clear(self) -> None:
        """Forget all requests and go back to Autotask's own limits."""
        with self._lock:
            self.settings = LimitSettings()
            self._moments.clear()
            self._by_others = 0


class Limits:
    """ASGI middleware that counts, holds back and refuses."""

    def __init__(self, app: ASGIApp, *, usage: Usage, limit: RateLimit) -> None:
        self._app = app
        self._usage = usage
        self._limit = limit
        self._busy: Counter[tuple[str, str]] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = _endpoint(scope)
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        refusal = self._refusal()
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._in_thread((_tracking_identifier(scope), endpoint), scope, receive, send)

    def _refusal(self) -> JSONResponse | None:
        wait = self._limit.take()
        used = self._usage.add()
        if wait:
            return _refused(TOO_MANY, "Too many requests.", {"Retry-After": str(wait)})
        if used > self._usage.settings.threshold:
            return _refused(
                TOO_MANY, "The request threshold of the database is exceeded.", {"Retry-After": "60"}
            )
        return None

    async def _in_thread(self, key: tuple[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        """All on one event loop, so nothing comes between the look and the count."""
        settings = self._usage.settings
        if self._busy[key] >= settings.threads:
            refusal = _refused(SERVER_ERROR, TOO_MANY_THREADS.format(threads=settings.threads), {})
            await refusal(scope, receive, send)
            return
        self._busy[key] += 1
        try:
            await asyncio.sleep(settings.latency_seconds + self._held_back())
            await self._app(scope, receive, send)
        finally:
            self._busy[key] -= 1

    def _held_back(self) -> float:
        settings = self._usage.settings
        return held_back(self._usage.count() / settings.threshold, settings.delays_seconds)


def held_back(used: float, delays: tuple[tuple[float, float], ...] = DELAYS_SECONDS) -> float:
    """Return for how many seconds an answer is held back where that part of the threshold is used."""
    return next((seconds for part, seconds in delays if used >= part), 0.0)


def _endpoint(scope: Scope) -> str | None:
    """The object's name; its metadata and pages count with it."""
    path = str(scope.get("path", "")).lower()
    if scope["type"] != "http" or not path.startswith(API_PREFIX):
        return None
    name = path.removeprefix(API_PREFIX).partition("/")[0]
    return None if name in FREE else name


def _tracking_identifier(scope: Scope) -> str:
    headers = dict(scope["headers"])
    value: bytes = headers.get(b"apiintegrationcode", b"")
    return value.decode("latin-1")


def _refused(status: int, message: str, headers: dict[str, str]) -> JSONResponse:
    return JSONResponse({"errors": [message]}, status_code=status, headers=headers)
