"""What a client may remember for a while: bounded in number and in time."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class TimedCache(Generic[Key, Value]):
    """Values by key for `lifetime_seconds`; the one put in longest ago makes room. Safe between threads.

    Keys never hold a secret.
    """

    def __init__(
        self, *, lifetime_seconds: float, most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lifetime = lifetime_seconds
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, tuple[float, Value]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        with self._lock:
            put_at, value = self._kept.get(key, (None, None))
            if put_at is None or self._clock() - put_at >= self._lifetime:
                return None
            return value

    def put(self, key: Key, value: Value) -> None:
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = (self._clock(), value)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
