"""Simulators and receivers on loopback."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Self

import pytest
from fastapi import FastAPI, Request, Response

from integrations.connectwise.simulator import RunningSimulator
from integrations.connectwise.simulator.callbacks import CallbackSettings
from integrations.ports import WebhookRequest
from integrations.simulation.server import RunningServer, bound_socket
from integrations.standard.simulator import RunningStandardSimulator


class Receiver:
    """Takes whatever is POSTed to it and answers with the statuses it is told to, then 202."""

    def __init__(self) -> None:
        self.requests: list[WebhookRequest] = []
        self.queries: list[str] = []
        self.answers: list[int] = []
        self._changed = threading.Condition()
        app = FastAPI()
        app.post("/{path:path}")(self._receive)
        self._server = RunningServer(app, bound_socket())
        self.url = f"{self._server.url}/webhooks/connectwise/c1"

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__(None, None, None)

    async def _receive(self, request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        webhook = WebhookRequest(await request.body(), headers, datetime.now(UTC))
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


@pytest.fixture(scope="session")
def running_simulator() -> Iterator[RunningSimulator]:
    with RunningSimulator() as running:
        yield running


@pytest.fixture
def simulator(running_simulator: RunningSimulator) -> RunningSimulator:
    running_simulator.reset()
    running_simulator.callbacks.settings = CallbackSettings(retry_delays_seconds=(0.05, 0.05))
    return running_simulator


@pytest.fixture(scope="session")
def running_standard_simulator() -> Iterator[RunningStandardSimulator]:
    with RunningStandardSimulator() as running:
        yield running


@pytest.fixture
def standard_simulator(running_standard_simulator: RunningStandardSimulator) -> RunningStandardSimulator:
    running_standard_simulator.reset()
    return running_standard_simulator


@pytest.fixture(scope="session")
def running_receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def receiver(running_receiver: Receiver) -> Receiver:
    running_receiver.reset()
    return running_receiver


@pytest.fixture
def unused_port() -> int:
    with bound_socket() as bound:
        port: int = bound.getsockname()[1]
    return port
