"""Signed callbacks, delivered from background threads as ConnectWise delivers them."""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from integrations.connectwise.keys import hmac_key
from integrations.connectwise.simulator.directory import API_MEMBER
from integrations.connectwise.simulator.records import Callback
from integrations.connectwise.simulator.world import World
from integrations.connectwise.webhook import SIGNATURE_HEADER, signature_of
from integrations.simulation.sending import SUCCESS, Sender, try_post

#: PSA Callbacks page: 5 s, any 2xx is success, two retries and only on these.
TIMEOUT_SECONDS = 5.0
RETRY_DELAYS_SECONDS = (2.0, 4.0)
RETRIED = frozenset({404, 409, 419, 429})
#: "Inactive after 3 consecutive days of failing" (PSA Callbacks page).
DISABLED_AFTER_SECONDS = 3 * 24 * 3600.0

KEY_PATH = "/v2025_1//system/callbackkey/index.rails"


@dataclass(slots=True)
class CallbackSettings:
    """How callbacks are sent. `copies` is how many callbacks one save fires; `on` false: none.

    A callback that fails for `disabled_after_seconds` without a success in between turns inactive.
    """

    on: bool = True
    copies: int = 1
    disabled_after_seconds: float = DISABLED_AFTER_SECONDS
    timeout_seconds: float = TIMEOUT_SECONDS
    retry_delays_seconds: tuple[float, ...] = RETRY_DELAYS_SECONDS


@dataclass(slots=True)
class Delivery:
    """One callback sent. `answers` has a status, or a reason why there was none, for each attempt."""

    message_id: str
    callback_id: int
    action: str
    ticket_id: int
    url: str
    body: bytes = field(repr=False)
    signature: str = field(repr=False)
    answers: list[int | str] = field(default_factory=list)
    done: bool = False


class Callbacks(Sender[Delivery]):
    """Sends a callback for every announced save, and remembers what came back."""

    def __init__(
        self,
        world: World,
        base_url: str,
        settings: CallbackSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.settings = settings or CallbackSettings()
        self.key_id = uuid.uuid4().hex
        self._world = world
        self._base_url = base_url
        self._clock = clock
        world.announce = self.announce

    def announce(self, action: str, ticket_id: int, ticket: dict[str, Any] | None, member: str) -> None:
        if not self.settings.on:
            return
        for callback in list(self._world.callbacks.values()):
            if callback.wants(ticket, ticket_id, own=member == API_MEMBER):
                for _ in range(self.settings.copies):
                    self.send(self._delivery(callback, action, ticket_id, ticket, member))

    def send(self, delivery: Delivery) -> None:
        """Deliver in the background; also for a delivery made up by a test."""
        self._keep(delivery)
        self._submit(self._deliver, delivery)

    def _delivery(
        self, callback: Callback, action: str, ticket_id: int, ticket: dict[str, Any] | None, member: str
    ) -> Delivery:
        message = {
            "MessageId": str(uuid.uuid4()),
            "FromUrl": self._base_url.partition("://")[2],
            "CompanyId": self._world.identity.company,
            "MemberId": member,
            "Action": action,
            "Type": callback.body.type.lower(),
            "ID": ticket_id,
            "ProductInstanceId": None,
            "PartnerId": None,
            "Entity": None if ticket is None else json.dumps(ticket),
            "Metadata": {"key_url": self._key_url()},
            "CallbackObjectRecId": callback.id,
        }
        body = json.dumps(message).encode()
        signature = signature_of(body, hmac_key(self._world.signing_key))
        url = f"{callback.body.url}{ticket_id}&action={action}"
        return Delivery(str(message["MessageId"]), callback.id, action, ticket_id, url, body, signature)

    def _key_url(self) -> str:
        return f"{self._base_url}{KEY_PATH}?companyName={self._world.identity.company}&id={self.key_id}"

    def _deliver(self, delivery: Delivery) -> None:
        for delay in (0.0, *self.settings.retry_delays_seconds):
            if self._stopping.wait(delay):
                break
            if self._attempt(delivery) not in RETRIED:
                break
        with self._changed:
            self._judge(delivery)
            self._finish(delivery)

    def _judge(self, delivery: Delivery) -> None:
        """Turn the callback inactive where it has failed for too long."""
        callback = self._world.callbacks.get(delivery.callback_id)
        if callback is None or not delivery.answers:
            return
        if delivery.answers[-1] in SUCCESS:
            callback.failing_since = None
            return
        now = self._clock()
        callback.failing_since = now if callback.failing_since is None else callback.failing_since
        if now - callback.failing_since >= self.settings.disabled_after_seconds:
            callback.body = callback.body.model_copy(update={"inactive_flag": True})

    def _attempt(self, delivery: Delivery) -> int | str:
        answer = self._post(delivery)
        with self._changed:
            delivery.answers.append(answer)
            self._changed.notify_all()
        return answer

    def _post(self, delivery: Delivery) -> int | str:
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: delivery.signature}
        return try_post(delivery.url, headers, delivery.body, timeout_seconds=self.settings.timeout_seconds)
