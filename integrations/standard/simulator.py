"""A stand-in for a tool that speaks Standard Webhooks: receives summaries, sends signed commands."""

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from integrations.errors import PayloadError, ProviderError, SignatureError
from integrations.http import WRITE_LIMITS, Outgoing, exchange
from integrations.payload import json_object
from integrations.ports import Link, WebhookRequest
from integrations.simulation import control
from integrations.simulation.faults import FaultBook
from integrations.simulation.rate_limit import Limited, RateLimit
from integrations.simulation.running import Running
from integrations.simulation.server import bound_socket, serve_forever, url_of
from integrations.simulation.traffic import CONTROL_PREFIX, RequestLog
from integrations.standard.signature import secret_key, sign
from integrations.standard.webhook import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, verify

RECEIVE_PATH = "/webhooks"
#: Known to everybody, like the simulator's other credentials: 32 bytes that say what they are.
DEMO_SECRET = "whsec_c2ltdWxhdG9yLXNlY3JldC1ub3QtZm9yLXJlYWwtdXM="  # noqa: S105 (made up, public)


class Inbox:
    """What was received: each id once, with a count of its repeats. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received: dict[str, dict[str, Any]] = {}

    def take(self, message_id: str, body: dict[str, Any]) -> bool:
        """Keep the message; return False where its id was here before."""
        with self._lock:
            if message_id in self._received:
                self._received[message_id]["repeats"] += 1
                return False
            self._received[message_id] = {"id": message_id, "repeats": 0, **body}
            return True

    def all(self) -> list[dict[str, Any]]:
        with self._lock:
            return [dict(message) for message in self._received.values()]

    def clear(self) -> None:
        with self._lock:
            self._received.clear()


class Command(BaseModel):
    """A signed command to send to `url`."""

    model_config = ConfigDict(extra="forbid")

    url: str
    type: str
    data: dict[str, Any]
    id: str = Field(default_factory=lambda: f"msg_{uuid.uuid4().hex}")


def create_app(inbox: Inbox, secret: str, faults: FaultBook, log: RequestLog, limit: RateLimit) -> FastAPI:
    """Return the receiver and its control surface."""
    app = FastAPI(title="Standard Webhooks simulator")
    link = Link("simulator", "", {}, webhook_secrets=(secret,))

    @app.post(RECEIVE_PATH)
    async def receive(request: Request) -> JSONResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        webhook = WebhookRequest(await request.body(), headers, datetime.now(UTC))
        try:
            verify(webhook, link)
            body = json_object(webhook.body)
        except SignatureError as error:
            return JSONResponse({"message": str(error)}, status_code=401)
        except PayloadError as error:
            return JSONResponse({"message": str(error)}, status_code=400)
        return JSONResponse({"new": inbox.take(headers[ID_HEADER], body)})

    app.include_router(_control_router(inbox, secret, faults, log))
    app.add_middleware(Limited, limit=limit, prefix=RECEIVE_PATH, words=_too_many)
    control.install(app, faults=faults, log=log, limit=limit)
    return app


def _too_many(seconds: int) -> dict[str, str]:
    return {"message": f"too many requests; try again in {seconds} s"}


def send_command(
    url: str, secret: str, command_type: str, data: Mapping[str, Any], message_id: str
) -> int | str:
    """POST one signed command; return the status, or the reason why there was none."""
    body = json.dumps({"type": command_type, "data": data}).encode()
    timestamp = str(int(datetime.now(UTC).timestamp()))
    headers = {
        "Content-Type": "application/json",
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: sign(secret_key(secret), message_id, timestamp, body),
    }
    try:
        return exchange(
            Outgoing("POST", url, headers, body), limits=WRITE_LIMITS, allow_private_hosts=True
        ).status
    except (ProviderError, ValueError) as error:
        return str(error)


def serve(port: int, host: str = "127.0.0.1", ready: Callable[[str], None] = lambda _url: None) -> None:
    """Serve a fresh simulator until it is interrupted. `ready` gets its URL once it answers."""
    with bound_socket(host, port) as bound:
        url = url_of(bound)
        app = create_app(Inbox(), DEMO_SECRET, FaultBook(), RequestLog(), RateLimit())
        serve_forever(app, bound, lambda: ready(url))


class RunningStandardSimulator(Running):
    """The simulator on a free loopback port while the context is open."""

    def __init__(self, secret: str = DEMO_SECRET) -> None:
        inbox, faults, log, limit = Inbox(), FaultBook(), RequestLog(), RateLimit()
        app = create_app(inbox, secret, faults, log, limit)
        super().__init__(app, bound_socket(), faults=faults, log=log, limit=limit)
        self.base_url += RECEIVE_PATH
        self.inbox, self.secret = inbox, secret

    def reset(self) -> None:
        """Forget everything: messages, faults, requests, a limit."""
        self.limit.allow(None)
        self.inbox.clear()
        self.faults.clear()
        self.log.clear()

    def link(self, connection_id: str = "connection-2") -> Link:
        return Link(connection_id, self.base_url, {}, (self.secret,), allow_private_hosts=True)

    def received(self) -> list[dict[str, Any]]:
        """Return every message, each id once, with `repeats`."""
        return self.inbox.all()

    def send_command(
        self, url: str, command_type: str, data: Mapping[str, Any], message_id: str | None = None
    ) -> int | str:
        return send_command(url, self.secret, command_type, data, message_id or f"msg_{uuid.uuid4().hex}")


def _control_router(inbox: Inbox, secret: str, faults: FaultBook, log: RequestLog) -> APIRouter:
    router = APIRouter(prefix=CONTROL_PREFIX)

    @router.get("/state")
    def state() -> dict[str, Any]:
        return {"received": inbox.all()}

    @router.post("/commands")
    def command(order: Command) -> dict[str, Any]:
        answer = send_command(order.url, secret, order.type, order.data, order.id)
        return {"id": order.id, "answer": answer}

    @router.post("/reset", status_code=204)
    def reset() -> None:
        inbox.clear()
        faults.clear()
        log.clear()

    return router
