"""What keeps calls to a PSA within its limits, as the services see it; and the way of one process alone."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Protocol

from integrations.errors import ThrottledError
from worker.domain.pace import FIRST_PATIENCE, LATER_PATIENCE, CallLimit, slot_from

#: Work that finds no place comes again after this.
COME_AGAIN = timedelta(seconds=1)


class OwnLimitError(ThrottledError):
    """This service holds a call back itself. The PSA was not asked and has said nothing."""


class NoPlaceError(OwnLimitError):
    """The connection has as many calls under way, or waiting for their slots, as it may."""

    def __init__(self) -> None:
        super().__init__("the connection has enough calls under way", retry_after=COME_AGAIN)


class Pacer(Protocol):
    """Spaces the calls of a connection, and bounds how many are under way."""

    def wait(self, connection_id: str, limit: CallLimit, *, patience: timedelta) -> None:
        """Return when the next call may go. Raises OwnLimitError at once where that is beyond `patience`."""

    def place(
        self, connection_id: str, at_once: int, *, patience: timedelta = FIRST_PATIENCE
    ) -> AbstractContextManager[None]:
        """Hold one of `at_once` places. Raises NoPlaceError where none is free, or no slot within `patience`.

        So work that could not call anyway is not even claimed.
        """


class LinkPace:
    """The pace of one piece of work, as its link calls it before each request."""

    def __init__(self, pacer: Pacer, connection_id: str, limit: CallLimit, *, patience: timedelta) -> None:
        self._pacer = pacer
        self._connection_id = connection_id
        self._limit = limit
        self._patience = patience

    def __call__(self) -> None:
        """Wait for the connection's next slot."""
        self._pacer.wait(self._connection_id, self._limit, patience=self._patience)
        self._patience = max(self._patience, LATER_PATIENCE)


class LocalPacer:
    """Slots and places of this process alone. It knows nothing of other workers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free_at: dict[str, float] = {}
        self._under_way: Counter[str] = Counter()

    def wait(self, connection_id: str, limit: CallLimit, *, patience: timedelta = FIRST_PATIENCE) -> None:
        """Reserve the next slot and return when it comes."""
        with self._lock:
            now = time.monotonic()
            slot = slot_from(self._free_at.get(connection_id, now), now=now, limit=limit)
            refuse_beyond(patience, timedelta(seconds=slot - now))
            self._free_at[connection_id] = slot + limit.interval.total_seconds()
        pause(slot - now)

    @contextmanager
    def place(
        self, connection_id: str, at_once: int, *, patience: timedelta = FIRST_PATIENCE
    ) -> Iterator[None]:
        """Hold a place among this process's calls."""
        with self._lock:
            waits = self._free_at.get(connection_id, 0.0) - time.monotonic() > patience.total_seconds()
            if waits or self._under_way[connection_id] >= at_once:
                raise NoPlaceError
            self._under_way[connection_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way[connection_id] -= 1


def refuse_beyond(patience: timedelta, wait: timedelta) -> None:
    """Raise OwnLimitError, with the exact wait, where it is longer than the patience."""
    if wait > patience:
        raise OwnLimitError("the connection's limit of calls is used up for now", retry_after=wait)


def pause(seconds: float) -> None:
    """Wait in this thread."""
    if seconds > 0:
        threading.Event().wait(seconds)
