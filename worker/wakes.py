"""Wake-ups in Redis: one per lane at a time, and a bounded number of each account's before everybody else's.

A flag says that a wake-up of a lane waits to be received, so a burst on one ticket costs few messages. The
task that receives it takes the flag away before it reads, so what is committed after that gets a wake-up of
its own. A flag whose message was lost runs out by itself, and the sweep does not ask for it.

A share counts the wake-ups of an account that wait in front of a queue. Those beyond it are sent behind all
others, so another account's single event waits for a few messages of a storm and not for all of them (ADR
0015).
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache

from redis.exceptions import RedisError

from worker.redis_client import quick_client

#: After this many seconds a message is taken for lost: its lane's flag and its place in front run out. The
#: sweep is far earlier (2 s).
FLAG_SECONDS = 10
#: Wake-ups of one account that wait in front of one queue. A few keep its work going while the workers take
#: turns; each is up to a hundred commands that another account waits for.
FRONT_SHARE = 4
#: Priorities of a message, as kombu's Redis transport has them: a list for each, 0 is taken first.
FRONT, BEHIND = 0, 9
#: Headers of a message that say what the task that receives it gives back.
LANE_HEADER, SHARE_HEADER = "ticketwalk_lane", "ticketwalk_share"
#: What every key in Redis begins with, the broker's too.
KEY_PREFIX = "ticketwalk:"
_PREFIX = f"{KEY_PREFIX}wake:"
_FRONT_PREFIX = f"{KEY_PREFIX}front:"
_BEHIND_PREFIX = f"{KEY_PREFIX}behind:"
#: What kombu puts between a queue's name and a priority.
_SEPARATOR = "\x06\x16"

#: While messages of an account come from behind, its new ones go there too, so that they keep their order.
#: Where none came for this long, in seconds, there are none left, or other accounts keep the workers busy.
BEHIND_SECONDS = 2

#: KEYS: the messages in front, by when they are taken for lost; whether the account has some behind. ARGV:
#: how many may be in front, seconds until they are lost, the ids of those that ask. Returns how many of
#: these, the first ones, have found room.
_TAKE_FRONT = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local now, taken = tonumber(redis.call('TIME')[1]), 0
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local room = ARGV[1] - redis.call('ZCARD', KEYS[1])
for place = 3, math.min(#ARGV, room + 2) do
    redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[place])
    taken = taken + 1
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return taken
"""


class Wakes:
    """The flags and shares. Without Redis (another broker) every wake-up is sent, in front."""

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

    def take_front(self, share: str, message_ids: Sequence[str]) -> int:
        """Return how many of an account's messages, the first ones, find room in front of their queue."""
        if self._redis is None:
            return len(message_ids)
        try:
            arguments = (FRONT_SHARE, FLAG_SECONDS, *message_ids)
            return int(self._redis.eval(_TAKE_FRONT, 2, *_keys(share), *arguments))  # type: ignore[arg-type] # of a client that does not await
        except (RedisError, OSError):
            return len(message_ids)

    def sent_behind(self, share: str) -> None:
        """Have the account's next messages go behind too, until none has come from there for a while.

        Not for longer because of those: an account that sends now and then would never be in front again.
        """
        if self._redis is None:
            return
        with suppress(RedisError, OSError):
            self._redis.set(_keys(share)[1], 1, nx=True, ex=BEHIND_SECONDS)

    def waiting(self, queue: str) -> tuple[int, int]:
        """Return how many messages wait in front of a queue, and behind; none where that cannot be known."""
        if self._redis is None:
            return 0, 0
        front = KEY_PREFIX + queue
        try:
            # kombu keeps a queue in a list per priority
            in_front, behind = (self._redis.llen(name) for name in (front, f"{front}{_SEPARATOR}{BEHIND}"))
        except (RedisError, OSError):
            return 0, 0
        return int(in_front), int(behind)

    def received(
        self, lane: str | None, share: str | None = None, message_id: str = "", *, behind: bool = False
    ) -> None:
        """Take the flag away, and give the place in front back: what changes from now on is waked anew.

        One that came from behind says that there may be more. What Redis does not take away runs out.
        """
        if self._redis is None or (lane is None and share is None):
            return
        with suppress(RedisError, OSError), self._redis.pipeline(transaction=False) as pipeline:
            if lane is not None:
                pipeline.delete(_PREFIX + lane)
            if share is not None and behind:
                pipeline.set(_keys(share)[1], 1, ex=BEHIND_SECONDS)
            elif share is not None:
                pipeline.zrem(_keys(share)[0], message_id)
            pipeline.execute()


def _keys(share: str) -> tuple[str, str]:
    return f"{_FRONT_PREFIX}{share}", f"{_BEHIND_PREFIX}{share}"


@cache
def wakes(broker_url: str) -> Wakes:
    """Return this process's flags."""
    return Wakes(broker_url)
