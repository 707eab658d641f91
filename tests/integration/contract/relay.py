"""A relay between a client and its PSA: it keeps what passes, and spoils it when told."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

import requests
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from integrations.simulation.server import RunningServer, bound_socket

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
#: Of the connection, not of the message (RFC 9110, 7.6.1), or made anew.
NOT_PASSED_ON = {"host", "connection", "content-length", "content-encoding", "transfer-encoding", "date"}
SECONDS = 20


@dataclass(frozen=True, slots=True)
class Sent:
    """One request: `query` is as it stood behind the question mark."""

    method: str
    path: str
    query: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Passed:
    """A request as the client sent it, and the PSA's answer to what was passed on."""

    sent: Sent
    status: int


class Relay:
    """Runs while its context is open. `spoil` makes what is passed on out of what was sent."""

    def __init__(self, target: str) -> None:
        self.passed: list[Passed] = []
        self.spoil: Callable[[Sent], Sent] | None = None
        self._target = target
        app = FastAPI()
        app.add_api_route("/{path:path}", self._relay, methods=METHODS)
        self._server = RunningServer(app, bound_socket())
        self.url = self._server.url

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__(None, None, None)

    async def _relay(self, request: Request) -> Response:
        sent = Sent(request.method, request.url.path, request.url.query, await request.body())
        passed_on = self.spoil(sent) if self.spoil else sent
        headers = _passed_on(request.headers.items())
        answer = await run_in_threadpool(self._ask, passed_on, headers)
        self.passed.append(Passed(sent, answer.status_code))
        # addresses in answers lead back here: of a zone, of the next page
        body = answer.content.replace(self._target.encode(), self.url.encode())
        told = {
            name: value.replace(self._target, self.url)
            for name, value in _passed_on(answer.headers.items()).items()
        }
        return Response(body, answer.status_code, told)

    def _ask(self, sent: Sent, headers: dict[str, str]) -> requests.Response:
        url = f"{self._target}{sent.path}{'?' if sent.query else ''}{sent.query}"
        return requests.request(sent.method, url, headers=headers, data=sent.body or None, timeout=SECONDS)


def _passed_on(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() not in NOT_PASSED_ON}
