"""The line between PSAs and the receiver: it passes webhooks on, and keeps them while it is cut."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import requests
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from integrations.simulation.server import RunningServer, bound_socket

#: Of the connection, not of the message (RFC 9110, 7.6.1), or made anew.
NOT_PASSED_ON = {"host", "connection", "content-length", "transfer-encoding"}
SECONDS = 20


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook as the PSA sent it: `target` is its path with its query."""

    target: str
    headers: Mapping[str, str]
    body: bytes


class Line:
    """Runs while its context is open. A webhook that comes while it is `cut` is answered 202 and kept."""

    def __init__(self, receiver: str) -> None:
        self.cut = False
        self.kept: list[Webhook] = []
        self._receiver = receiver
        self._lock = threading.Lock()
        app = FastAPI()
        app.post("/{path:path}")(self._receive)
        self._server = RunningServer(app, bound_socket())

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__(None, None, None)

    def leads_to(self, url: str) -> str:
        """Return the address at this line that leads to the receiver's."""
        return self._server.url + url.removeprefix(self._receiver)

    def pass_on_the_kept(self) -> list[int]:
        """Send what was kept, as it came, and return the receiver's answers."""
        with self._lock:
            late, self.kept = self.kept, []
        return [self._pass_on(webhook).status_code for webhook in late]

    async def _receive(self, request: Request) -> Response:
        parts = urlsplit(str(request.url))
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {name: value for name, value in request.headers.items() if name not in NOT_PASSED_ON}
        webhook = Webhook(target, headers, await request.body())
        with self._lock:
            if self.cut:
                self.kept.append(webhook)
                return Response(status_code=202)
        answer = await run_in_threadpool(self._pass_on, webhook)
        return Response(answer.content, answer.status_code)

    def _pass_on(self, webhook: Webhook) -> requests.Response:
        url = self._receiver + webhook.target
        return requests.post(url, data=webhook.body, headers=webhook.headers, timeout=SECONDS)
