"""A receiver of webhooks that keeps what comes, for the tests of those who send them."""

import threading
from datetime import UTC, datetime
from typing import Self

from fastapi import FastAPI, Request, Response

from integrations.ports import WebhookRequest
from integrations.simulation.server import RunningServer, bound_socket


class Receiver:
    """Takes whatever is POSTed to it and answers with the statuses it is told to, then 202."""

    def __init__(self, path: str = "/webhooks/connectwise/c1") -> None:
        self._path = path
        self.requests: list[WebhookRequest] = []
        self.queries: list[str] = []
        self.answers: list[int] = []
        self._changed = threading.Condition()
        app = FastAPI()
        app.post("/{path:path}")(self._receive)
        self._server = RunningServer(app, bound_socket())
        self.url = self._server.url + path

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__(None, None, None)

    async def _receive(self, request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        appended = request.url.path.removeprefix(self._path).removeprefix("/")
        webhook = WebhookRequest(await request.body(), headers, datetime.now(UTC), appended)
        with self._changed:
            self.requests.append(webhook)
            self.queries.append(request.url.query)
            self._changed.notify_all()
            return Response(status_code=self.answers.pop(0) if self.answers else 202)

    def reset(self) -> None:
        with self._changed:
            self.requests.clear()
            self.queries.clear()
            self.answers = []

    def wait_for(self, number: int) -> list[WebhookRequest]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.requests) >= number, timeout=20)
            return list(self.requests)
