"""A receiver on a port of its own, over the real store, with the real providers."""

import base64
import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import pytest
import requests
import uvicorn

from integrations.registry import PROVIDERS
from worker.receiver.app import SERVER_OPTIONS, create_app
from worker.services import accounts
from worker.services.context import Context

#: Seconds until a server must have started or ended, on the slowest machine.
PATIENCE_SECONDS = 30
SECRET = "whsec_c2VjcmV0LW9mLXRoZS1yZWNlaXZlci10ZXN0cy0wMDE="
CREDENTIALS = {"company": "acme", "public_key": "pub", "private_key": "s3cretkey", "client_id": "client"}


@dataclass(frozen=True)
class Receiver:
    """A receiver that runs, and the two connections it knows."""

    url: str
    port: int
    standard: UUID
    connectwise: UUID

    def post(self, body: bytes, *, headers: dict[str, str] | None = None, connection: Any = None):
        """POST to the standard connection, signed unless other headers are given."""
        return requests.post(
            f"{self.url}/webhooks/standard/{connection or self.standard}",
            data=body,
            headers=headers if headers is not None else signed(body),
            timeout=10,
        )

    def open(self) -> socket.socket:
        """Return a TCP connection on which nothing has been said."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS)

    def head(self, *lines: str) -> bytes:
        """Return the head of a POST to the standard connection with these header lines."""
        first = f"POST /webhooks/standard/{self.standard} HTTP/1.1"
        return "\r\n".join([first, "Host: x", "Content-Type: application/json", *lines, "", ""]).encode()


def signed(body: bytes, *, at: float | None = None, message_id: str | None = None) -> dict[str, str]:
    """Return the headers of a Standard Webhook, made here from the specification alone."""
    message_id = message_id or f"msg_{uuid4().hex}"
    timestamp = str(int(at if at is not None else time.time()))
    content = b".".join([message_id.encode(), timestamp.encode(), body])
    digest = hmac.new(base64.b64decode(SECRET.removeprefix("whsec_")), content, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def command() -> bytes:
    """Return a body that is a command."""
    return b'{"type": "step.record", "data": {"ticket_id": "1", "node_id": "a", "answer": "yes"}}'


@contextmanager
def serving(app: Any) -> Iterator[int]:
    """Serve the app as the receiver does. Yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        server = uvicorn.Server(uvicorn.Config(app, **SERVER_OPTIONS))
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        try:
            yield bound.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive(), "the receiver hangs"


@pytest.fixture
def known(context: Context, world) -> Context:
    """The context with the real providers; plain http is allowed."""
    return replace(context, providers=PROVIDERS, allow_private_hosts=True)


@pytest.fixture
def start(known: Context, world) -> Iterator[Callable[..., Receiver]]:
    """Start a receiver with this rate, for as long as the test runs."""
    made = []

    def begin(*, deliveries_per_second: float = 1_000_000) -> Receiver:
        new = accounts.NewConnection("Acme", "standard", "intake", "http://127.0.0.1:9", {}, (SECRET,))
        standard = accounts.add_connection(known, new)
        psa = replace(new, provider="connectwise", name="psa", credentials=CREDENTIALS, webhook_secrets=())
        connectwise = accounts.add_connection(known, psa)
        runs = serving(create_app(known, deliveries_per_second=deliveries_per_second))
        port = runs.__enter__()
        made.append(runs)
        return Receiver(f"http://127.0.0.1:{port}", port, standard, connectwise)

    yield begin
    for runs in made:
        runs.__exit__(None, None, None)


@pytest.fixture
def receiver(start: Callable[..., Receiver]) -> Receiver:
    """A receiver that nobody is too fast for."""
    return start()
