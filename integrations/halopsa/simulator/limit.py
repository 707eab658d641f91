"""429 beyond a number of API calls in any 60 seconds."""

import json
import math
import threading
import time
from collections import deque
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

WINDOW_SECONDS = 60.0
MESSAGE = {"message": "Too Many Requests"}


class CallLimit:
    """How many calls are allowed, and when the latest came. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: deque[float] = deque()
        self._per_minute: int | None = None

    def allow(self, per_minute: int | None) -> None:
        """None: no limit."""
        with self._lock:
            self._per_minute = per_minute
            self._calls.clear()

    def wait_seconds(self) -> int:
        """Count a call and return 0, or how many seconds to wait where it is one too many."""
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
    """ASGI middleware: answers 429 with Retry-After under `prefix` where the limit is reached."""

    def __init__(self, app: ASGIApp, *, limit: CallLimit, prefix: str) -> None:
        self._app, self._limit, self._prefix = app, limit, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limited = scope["type"] == "http" and scope["path"].startswith(self._prefix)
        wait = self._limit.wait_seconds() if limited else 0
        if not wait:
            await self._app(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json"), (b"retry-after", str(wait).encode())]
        await send({"type": "http.response.start", "status": 429, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(MESSAGE).encode()})
