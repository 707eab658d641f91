"""One wake-up of a lane at a time, by flags in Redis.

A flag says that a wake-up of a lane waits to be received, so a burst on one ticket costs few messages. The
task that receives it takes the flag away before it reads, so what is committed after that gets a wake-up of
its own. A flag whose message was lost runs out by itself, and the sweep does not ask for it. Flags spare the
messages that are sent; that of a lane only one waits is seen to where they wait (`worker.shares`).
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache

from redis.exceptions import RedisError

from worker.redis_client import KEY_PREFIX, quick_client

#: The header that says which lane a message wakes.
LANE_HEADER = "ticketwalk_lane"
#: After this many seconds a flag's message is taken for lost. The sweep is far earlier (2 s).
FLAG_SECONDS = 10
_PREFIX = f"{KEY_PREFIX}wake:"


class Wakes:
    """The flags. Without Redis (another broker) every wake-up is sent."""

    def __init__(self, broker_url: str) -> None:
        self._redis = quick_client(broker_url)

    def claim(self, lanes: Sequence[str]) -> list[bool]:
        """Return for each lane whether its wake-up is to be sent, in one round trip."""
        if self._redis is None or not lanes:
            return [True] * len(lanes)
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for lane in lanes:
                    pipeline.set(_PREFIX + lane, 1, nx=True, ex=FLAG_SECONDS)
                return [bool(answer) for answer in pipeline.execute()]
        except (RedisError, OSError):
            return [True] * len(lanes)

    def received(self, lane: str) -> None:
        """Take the flag away: what changes from now on is waked anew. What Redis does not take runs out."""
        self.give_back([lane])

    def give_back(self, lanes: Sequence[str]) -> None:
        """Take flags away whose wake-ups were not sent, in one round trip."""
        if self._redis is None or not lanes:
            return
        with suppress(RedisError, OSError):
            self._redis.delete(*(_PREFIX + lane for lane in lanes))


@cache
def wakes(broker_url: str) -> Wakes:
    """Return this process's flags."""
    return Wakes(broker_url)
