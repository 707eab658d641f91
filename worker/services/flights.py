"""A bounded number of calls under way per connection, so that one slow PSA does not take every thread."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from integrations.errors import ThrottledError

#: Calls of one connection at a time in one process. Autotask allows 3 per endpoint, the fewest of all.
PER_CONNECTION = 3
#: A call that finds no place comes again after this.
COME_AGAIN = timedelta(seconds=1)


class Flights:
    """Counts the calls under way in this process."""

    def __init__(self, limit: int = PER_CONNECTION) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._under_way: Counter[UUID] = Counter()

    @contextmanager
    def enter(self, connection_id: UUID) -> Iterator[None]:
        """Take a place for one call. Raises ThrottledError where the connection has none left."""
        with self._lock:
            if self._under_way[connection_id] >= self._limit:
                raise ThrottledError("the connection has enough calls under way", retry_after=COME_AGAIN)
            self._under_way[connection_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way[connection_id] -= 1
                if not self._under_way[connection_id]:
                    del self._under_way[connection_id]
