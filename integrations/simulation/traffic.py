"""The outermost layer of a simulator: applies faults and logs every request but the control surface's."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from integrations.simulation.faults import Fault, FaultBook, FaultKind
from integrations.simulation.server import TRANSPORT

#: The control surface of every simulator; never faulted, never logged.
CONTROL_PREFIX = "/_simulator"
DEFAULT_FAULT_STATUS = 500


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request that came. `status` is None where no answer was given. The body is not shown to people."""

    method: str
    path: str
    query: str
    status: int | None
    fault: str | None
    at: str
    body: bytes = field(repr=False)


class RequestLog:
    """Every request in the order it was answered. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[LoggedRequest] = []

    def add(self, request: LoggedRequest) -> None:
        with self._lock:
            self._requests.append(request)

    def all(self, method: str = "*", path_part: str = "") -> list[LoggedRequest]:
        """Return the requests of that method whose path contains `path_part`."""
        with self._lock:
            found = list(self._requests)
        return [r for r in found if method in {"*", r.method} and path_part in r.path]

    def as_json(self) -> list[dict[str, Any]]:
        return [_shown(request) for request in self.all()]

    def clear(self) -> None:
        with self._lock:
            self._requests.clear()


class Traffic:
    """ASGI middleware. Needs simulation.server, whose connections it can close, for faults that close."""

    def __init__(self, app: ASGIApp, *, faults: FaultBook, log: RequestLog) -> None:
        self._app = app
        self._faults = faults
        self._log = log
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(CONTROL_PREFIX):
            await self._app(scope, receive, send)
            return
        body = await _whole_body(receive)
        fault = self._faults.take(scope["method"], scope["path"], body)

        def log(status: int | None) -> None:
            self._log.add(_logged(scope, body, status, fault))

        call = _Call(self._app, scope, body, send, log)
        await (self._with(fault, call) if fault else call.run())

    async def _with(self, fault: Fault, call: "_Call") -> None:
        match fault.kind:
            case FaultKind.DELAY:
                await asyncio.sleep(fault.delay_seconds)
                await call.run()
            case FaultKind.STATUS:
                if fault.apply:
                    await call.run(silent=True)
                await call.answer(fault)
            case FaultKind.LOST_ANSWER:
                await call.run(silent=True)
                await call.close()
            case FaultKind.APPLY_LATE:
                self._keep(_later(fault.delay_seconds, call))
                await (call.answer(fault) if fault.status else call.close())
            case FaultKind.RESET:
                await call.close()

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._late.add(task)
        task.add_done_callback(self._late.discard)


class _Call:
    """One request with its whole body, so that it can be done with, without or after an answer.

    It is logged just before its answer goes out: whoever has the answer finds it in the log.
    """

    def __init__(
        self, app: ASGIApp, scope: Scope, body: bytes, send: Send, log: Callable[[int | None], None]
    ) -> None:
        self._app, self._scope, self._body, self._send, self._log = app, scope, body, send, log

    async def run(self, *, silent: bool = False) -> None:
        """Do it, and answer unless `silent`."""

        async def receive() -> Message:
            return {"type": "http.request", "body": self._body, "more_body": False}

        async def send(message: Message) -> None:
            if silent:
                return
            if message["type"] == "http.response.start":
                self._log(message["status"])
            await self._send(message)

        await self._app(self._scope, receive, send)

    async def answer(self, fault: Fault) -> None:
        is_text = isinstance(fault.body, str)
        body = fault.body.encode() if is_text else json.dumps(fault.body or {}).encode()
        headers = [(b"content-type", b"text/plain" if is_text else b"application/json")]
        headers.append((b"content-length", str(len(body)).encode()))
        if fault.retry_after is not None:
            headers.append((b"retry-after", str(fault.retry_after).encode()))
        status = fault.status or DEFAULT_FAULT_STATUS
        self._log(status)
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def close(self) -> None:
        """Close the connection without an answer; returns once the server has noticed."""
        self._log(None)
        self._scope[TRANSPORT].abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def _shown(request: LoggedRequest) -> dict[str, Any]:
    shown = asdict(request)
    del shown["body"]
    return shown


def _logged(scope: Scope, body: bytes, status: int | None, fault: Fault | None) -> LoggedRequest:
    return LoggedRequest(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        status=status,
        fault=fault.kind.value if fault else None,
        at=datetime.now(UTC).isoformat(),
        body=body,
    )


async def _whole_body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


async def _later(seconds: float, call: _Call) -> None:
    await asyncio.sleep(seconds)
    await call.run(silent=True)
