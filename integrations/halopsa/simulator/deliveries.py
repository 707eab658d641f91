"""Webhooks, sent from background threads as HaloPSA sends them: with Basic credentials, once, unsigned."""

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from integrations.halopsa.simulator.directory import EventNumber
from integrations.halopsa.simulator.payloads import Payload, message
from integrations.halopsa.simulator.records import Webhook, stamp
from integrations.halopsa.simulator.world import World
from integrations.simulation.sending import SUCCESS, Sender, try_post

#: Not published; ten seconds is what others of the field give.
TIMEOUT_SECONDS = 10.0
BASIC = 1


@dataclass(slots=True)
class SendingSettings:
    """How webhooks are sent. `batch` events go out together; `on` off loses them, as in an outage."""

    on: bool = True
    payload: Payload = Payload.SMALL
    batch: int = 1
    timeout_seconds: float = TIMEOUT_SECONDS


@dataclass(slots=True)
class Delivery:
    """One webhook sent. `answer` is a status, or a reason why there was none."""

    webhook_id: str
    url: str
    body: bytes = field(repr=False)
    authorization: str | None = field(repr=False)
    answer: int | str | None = None
    done: bool = False


class Deliveries(Sender[Delivery]):
    """Sends a webhook for every event that one is registered for, and remembers what came back."""

    def __init__(self, world: World, settings: SendingSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or SendingSettings()
        self._world = world
        self._waiting: dict[str, list[dict[str, Any]]] = {}
        world.announce = self.announce

    def announce(
        self, event: EventNumber, ticket_id: int, ticket: dict[str, Any] | None, action: dict[str, Any] | None
    ) -> None:
        if not self.settings.on:
            return
        for webhook in list(self._world.webhooks.values()):
            if webhook.active and event in {number for _, number in webhook.events}:
                payload = self.settings.payload
                body = message(payload, event, ticket_id, ticket, action, webhook_id=webhook.id)
                self._add(webhook, body)

    def send(self, webhook: Webhook, body: bytes) -> None:
        """Deliver in the background; also a body made up by a test."""
        delivery = Delivery(webhook.id, webhook.url, body, _authorization(webhook))
        self._keep(delivery)
        self._submit(self._deliver, webhook, delivery)

    def flush(self) -> None:
        """Send what waits for its batch to fill."""
        with self._changed:
            waiting, self._waiting = self._waiting, {}
        for webhook_id, batch in waiting.items():
            if webhook_id in self._world.webhooks:
                self.send(self._world.webhooks[webhook_id], json.dumps(batch).encode())

    def wait_until_done(self, timeout_seconds: float) -> bool:
        """Return whether every delivery made so far got its answer in time; unfilled batches go first."""
        self.flush()
        return super().wait_until_done(timeout_seconds)

    def clear(self) -> None:
        with self._changed:
            super().clear()
            self._waiting.clear()

    def _add(self, webhook: Webhook, body: dict[str, Any]) -> None:
        if self.settings.batch == 1:
            self.send(webhook, json.dumps(body).encode())
            return
        with self._changed:
            batch = self._waiting.setdefault(webhook.id, [])
            batch.append(body)
            full = len(batch) >= self.settings.batch
        if full:
            self.flush()

    def _deliver(self, webhook: Webhook, delivery: Delivery) -> None:
        answer = self._post(delivery)
        with self._changed:
            delivery.answer = answer
            _count(webhook, failed=answer not in SUCCESS)
            self._finish(delivery)

    def _post(self, delivery: Delivery) -> int | str:
        headers = {"Content-Type": "application/json"}
        if delivery.authorization is not None:
            headers["Authorization"] = delivery.authorization
        return try_post(delivery.url, headers, delivery.body, timeout_seconds=self.settings.timeout_seconds)


def _authorization(webhook: Webhook) -> str | None:
    if webhook.authentication_type != BASIC:
        return None
    credentials = f"{webhook.basic_username or ''}:{webhook.basic_password or ''}"
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"


def _count(webhook: Webhook, *, failed: bool) -> None:
    """Switch the webhook off after as many failures in a row as it was registered with; 0 is never."""
    webhook.failures = webhook.failures + 1 if failed else 0
    if webhook.auto_disable_attempts and webhook.failures >= webhook.auto_disable_attempts:
        webhook.active = False
        webhook.last_auto_disable_date = stamp(datetime.now(UTC))
