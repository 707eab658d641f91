"""429 beyond so many calls in any 60 seconds."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

WINDOW_SECONDS = 60.0
TOO_MANY_REQUESTS = 429


class RateLimit:
    """How many calls are allowed, and when the latest came. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: deque[float] = deque()
        self._per_minute: int | None = None

    def allow(self, per_minute: int | None) -> None:
        """Allow this many from now on; None: no limit. What came before is forgotten."""
        with self._lock:
            self._per_minute = per_minute
            self._calls.clear()

    def take(self) -> int:
        """Take a place and return 0, or the whole seconds until one is free. A refused call takes none."""
        now = self._clock()
        with self._lock:
            if self._per_minute is None:
                return 0
            while self._calls and self._calls[0] <= now - WINDOW_SECONDS:
                self._calls.popleft()
            if len(self._calls) < self._per_minute:
                self._calls.append(now)
                return 0
            oldest = self._calls[0] if self._calls else now
            return max(1, math.ceil(oldest + WINDOW_SECONDS - now))


class Limited:
    """ASGI middleware: calls below `prefix` take a place, or 429 with Retry-After and the PSA's words.

    `words` makes the body from the seconds to wait. Whatever is not below `prefix` is never refused.
    """

    def __init__(self, app: ASGIApp, *, limit: RateLimit, prefix: str, words: Callable[[int], Any]) -> None:
        self._app, self._limit, self._prefix, self._words = app, limit, prefix, words

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        counted = scope["type"] == "http" and scope["path"].startswith(self._prefix)
        wait = self._limit.take() if counted else 0
        if not wait:
            await self._app(scope, receive, send)
            return
        answer = JSONResponse(self._words(wait), TOO_MANY_REQUESTS, headers={"Retry-After": str(wait)})
        await answer(scope, receive, send)
