"""Sends a simulator's webhooks from background threads, and remembers what came back."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from integrations.answers import Answer
from integrations.errors import ProviderError
from integrations.http import Limits, Outgoing, exchange

SENDERS = 8
ANSWER_BYTES = 64 * 1024
#: Statuses of a webhook that was taken.
SUCCESS = range(200, 300)


class Sent(Protocol):
    """A dataclass: one webhook, whatever else the PSA keeps of it. `done` once it has its last answer."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    body: bytes
    done: bool


Delivery = TypeVar("Delivery", bound=Sent)


class Sender(Generic[Delivery]):
    """Keeps every delivery. What a PSA sends, how often, and what follows from it, its own class says.

    `_stopping` is what it waits on between two attempts; `_changed` guards what is kept.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._deliveries: list[Delivery] = []
        self._senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="webhook")

    def all(self) -> list[Delivery]:
        with self._changed:
            return list(self._deliveries)

    def as_json(self) -> list[dict[str, Any]]:
        return [{**asdict(delivery), "body": delivery.body.decode()} for delivery in self.all()]

    def wait_until_done(self, timeout_seconds: float) -> bool:
        """Return whether every delivery made so far got its last answer in time."""
        with self._changed:
            return self._changed.wait_for(lambda: all(d.done for d in self._deliveries), timeout_seconds)

    def clear(self) -> None:
        with self._changed:
            self._deliveries.clear()

    def stop(self) -> None:
        """Send nothing more; return once what is under way has ended."""
        self._stopping.set()
        self._senders.shutdown(wait=True, cancel_futures=True)

    def _keep(self, delivery: Delivery) -> None:
        with self._changed:
            self._deliveries.append(delivery)

    def _submit(self, work: Callable[..., None], *args: Any) -> None:
        """Do the work in the background, unless stopped."""
        if not self._stopping.is_set():
            self._senders.submit(work, *args)

    def _finish(self, delivery: Delivery) -> None:
        with self._changed:
            delivery.done = True
            self._changed.notify_all()


def post(url: str, headers: Mapping[str, str], body: bytes, *, timeout_seconds: float) -> Answer:
    """POST a webhook once, to private hosts too. Raises ProviderError; ValueError for what is no URL."""
    limits = Limits(timeout_seconds, timeout_seconds, timeout_seconds, ANSWER_BYTES)
    return exchange(Outgoing("POST", url, headers, body), limits=limits, allow_private_hosts=True)


def try_post(url: str, headers: Mapping[str, str], body: bytes, *, timeout_seconds: float) -> int | str:
    """POST a webhook once; return the status, or the reason why there was none."""
    try:
        return post(url, headers, body, timeout_seconds=timeout_seconds).status
    except (ProviderError, ValueError) as error:
        return str(error)
