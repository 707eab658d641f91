"""How often a program may die before its supervisor gives up: a pure policy."""

from collections import deque

#: Restarts within the window that are still taken for bad luck; after them the program cannot go on.
LIMIT = 5
WINDOW_SECONDS = 60.0

#: The first pause, doubled for each further death in the window: 0.5, 1, 2, 4, 8 s.
FIRST_PAUSE_SECONDS = 0.5


class Restarts:
    """The deaths of one program."""

    def __init__(self, first_pause_seconds: float = FIRST_PAUSE_SECONDS) -> None:
        self._first_pause_seconds = first_pause_seconds
        self._deaths: deque[float] = deque()

    def pause_after_death(self, now: float) -> float | None:
        """Return how many seconds to wait before the next start, or None when it has died too often."""
        while self._deaths and self._deaths[0] <= now - WINDOW_SECONDS:
            self._deaths.popleft()
        self._deaths.append(now)
        if len(self._deaths) > LIMIT:
            return None
        return float(self._first_pause_seconds * 2 ** (len(self._deaths) - 1))
