"""Signed callouts, sent from background threads as Autotask sends them: in order for each webhook."""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from integrations.autotask.simulator.messages import (
    Delivery,
    make_deactivation,
    make_delivery,
    payload_fields,
)
from integrations.autotask.simulator.records import ErrorLog
from integrations.autotask.simulator.world import Change, World
from integrations.autotask.webhook import SIGNATURE_HEADER
from integrations.simulation.sending import Sender, try_post

#: Developer help, "Webhooks: error handling": 10 s, 2xx is success, five attempts within about 2 minutes.
TIMEOUT_SECONDS = 10.0
RETRY_DELAYS_SECONDS = (30.0, 30.0, 30.0, 30.0)
#: Failed callouts in a row after which the webhook is switched off.
MOST_FAILURES = 25


@dataclass(slots=True)
class CalloutSettings:
    """How callouts are sent. `copies` is how many callouts one change fires."""

    copies: int = 1
    timeout_seconds: float = TIMEOUT_SECONDS
    retry_delays_seconds: tuple[float, ...] = RETRY_DELAYS_SECONDS
    most_failures: int = MOST_FAILURES


class Callouts(Sender[Delivery]):
    """Sends a callout for every announced change that a webhook wants, and remembers what came back."""

    def __init__(self, world: World, settings: CalloutSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or CalloutSettings()
        #: False: callouts are lost, as in an outage between Autotask and the receiver.
        self.on = True
        self._world = world
        self._queues: dict[tuple[str, int], deque[Delivery]] = {}
        world.announce = self.announce

    def announce(self, change: Change) -> None:
        for webhook in list(self._world.webhooks[change.entity].values()):
            fields = payload_fields(webhook, change)
            if not webhook.wants(change.action, change.person) or fields is None:
                continue
            for _ in range(self.settings.copies):
                with self._world.lock:
                    webhook.sequence += 1
                    delivery = make_delivery(webhook, change, fields)
                if self.on:
                    self.send(delivery)

    def send(self, delivery: Delivery) -> None:
        """Deliver in the background, after what its webhook still has to send; also one made up by a test."""
        key = (delivery.entity, delivery.webhook_id)
        with self._changed:
            self._keep(delivery)
            waiting = self._queues.get(key)
            if waiting is not None:
                waiting.append(delivery)
                return
            self._queues[key] = deque([delivery])
        self._submit(self._drain, key)

    def _drain(self, key: tuple[str, int]) -> None:
        """Send a webhook's callouts one after the other; while one is retried, the others wait."""
        while True:
            with self._changed:
                if not self._queues[key]:
                    del self._queues[key]
                    return
                delivery = self._queues[key].popleft()
            self._deliver(delivery)
            if delivery.signature is not None:
                self._settle(delivery)
            self._finish(delivery)

    def _deliver(self, delivery: Delivery) -> None:
        for delay in (0.0, *self.settings.retry_delays_seconds):
            if self._stopping.wait(delay):
                return
            self._attempt(delivery)
            if delivery.taken:
                return

    def _settle(self, delivery: Delivery) -> None:
        """Count failures in a row; too many switch the webhook off and say so, unsigned."""
        webhook = self._world.webhooks[delivery.entity].get(delivery.webhook_id)
        if webhook is None or self._stopping.is_set():
            return
        if delivery.taken:
            webhook.failures = 0
            return
        self._world.error_logs.append(self._error_log(delivery))
        webhook.failures += 1
        if webhook.failures == self.settings.most_failures:
            webhook.body = webhook.body.model_copy(update={"is_active": False})
            self.send(make_deactivation(webhook))

    def _error_log(self, delivery: Delivery) -> ErrorLog:
        message = str(delivery.answers[-1]) if delivery.answers else "not sent"
        return ErrorLog(
            id=self._world.next_id(),
            entity=delivery.entity,
            webhook_id=delivery.webhook_id,
            sequence=delivery.sequence,
            message=message,
            payload=delivery.body.decode(),
            created_at=datetime.now(UTC),
        )

    def _attempt(self, delivery: Delivery) -> None:
        answer = self._post(delivery)
        with self._changed:
            delivery.answers.append(answer)
            self._changed.notify_all()

    def _post(self, delivery: Delivery) -> int | str:
        headers = {"Content-Type": "application/json"}
        if delivery.signature is not None:
            headers[SIGNATURE_HEADER] = delivery.signature
        return try_post(delivery.url, headers, delivery.body, timeout_seconds=self.settings.timeout_seconds)
