"""Runs a simulator: in a thread for tests, in the foreground for the command line."""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

#: Scope entry with the connection's transport, so that a fault can close it without an answer.
TRANSPORT = "simulation.transport"

#: Starting takes well under a second; a machine under load may need more.
START_SECONDS = 15.0
STOP_SECONDS = 15.0


class _Protocol(H11Protocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        served: Any = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope[TRANSPORT] = self.transport
            await served(scope, receive, send)

        self.app: Any = app


class _Server(uvicorn.Server):
    def __init__(self, app: ASGIApp, ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._ready()


def bound_socket(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Return a bound socket; port 0 is any free one. Bound first, so that an app can know its own URL."""
    return socket.create_server((host, port), backlog=1024)


def url_of(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://{host}:{port}"


def serve_forever(app: ASGIApp, bound: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM. `ready` is called once requests are accepted."""
    with bound, suppress(KeyboardInterrupt):
        _Server(app, ready).run(sockets=[bound])


class RunningServer:
    """A simulator served from a thread of this process while the context is open."""

    def __init__(self, app: ASGIApp, bound: socket.socket) -> None:
        self.url = url_of(bound)
        self._bound = bound
        self._started = threading.Event()
        self._server = _Server(app, self._started.set)
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._started.wait(START_SECONDS):
            raise TimeoutError("the simulator did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        self._bound.close()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._bound]))
