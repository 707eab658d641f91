"""One wake-up per lane at a time: a burst on one ticket costs few messages.

A flag in Redis says that a wake-up of the lane is waiting to be received. The task that receives it takes the
flag away before it reads, so what is committed after that gets a wake-up of its own. A flag whose message was
lost runs out by itself, and the sweep does not ask for it.
"""

from collections.abc import Sequence
from functools import cache

from redis.exceptions import RedisError

from worker.redis_client import quick_client

#: After this many seconds a flag is taken for one whose message was lost. The sweep is far earlier (2 s).
FLAG_SECONDS = 10
#: Header of the message that carries the lane to the task that receives it.
LANE_HEADER = "ticketwalk_lane"
_PREFIX = "ticketwalk:wake:"
_QUEUE_PREFIX = "ticketwalk:"


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

    def messages(self, queue: str) -> int:
        """Return how many messages wait in a queue; none where that cannot be known."""
        if self._redis is None:
            return 0
        try:
            # kombu keeps a queue in a list of its name, under the broker's `global_keyprefix`
            return int(self._redis.llen(_QUEUE_PREFIX + queue))
        except (RedisError, OSError):
            return 0

    def received(self, lane: str) -> None:
        """Take the flag away: from now on the lane's changes need a wake-up of their own."""
        if self._redis is None:
            return
        try:
            self._redis.delete(_PREFIX + lane)
        except (RedisError, OSError):
            # the flag runs out by itself
            return


@cache
def wakes(broker_url: str) -> Wakes:
    """Return this process's flags."""
    return Wakes(broker_url)
