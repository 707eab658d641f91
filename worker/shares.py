"""Every account's share of a queue, so that a storm of one does not stand before another's single event.

A queue is first come, first served. Of each account a few messages stand in it; what is beyond that waits in
a list of the account's own, and whoever receives a message lets the next one in. So the accounts take turns,
and what is new of each keeps its order (ADR 0015). What is lost here, the sweep sends again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog
from redis.exceptions import RedisError, ResponseError

from worker.errors import TicketwalkError
from worker.redis_client import KEY_PREFIX, quick_client

log = structlog.get_logger()

#: The header that says whose message it is, and of which queue.
SHARE_HEADER = "ticketwalk_share"
#: The header that says that a message was sent before, as far as anybody knows.
AGAIN_HEADER = "ticketwalk_again"
#: Messages of one account that stand in a queue. A few keep its work going while the workers take turns; each
#: is up to a hundred commands that another account waits for.
PLACES = 4
#: Messages of one account that wait for a place. A new one beyond that is dropped; the sweep finds its row.
WAITING_LIMIT = 10_000
#: The same of what the sweep sends again, in a list of its own.
AGAIN_LIMIT = 100
#: A list to which nothing comes and of which nothing is let in for so long, in seconds, is of no use.
_WAITING_SECONDS = 3600

#: KEYS: the queue; the account's messages that stand in it, by lane; the lanes of which a message waits;
#: those of which one waits that was sent again; how many were let in; the messages that wait, by lane.
#: ARGV: how many may stand, seconds that they may wait; of one that comes, how many may wait where it
#: goes, which key that is, the message, and its lane. Returns how many wait that were sent again.
#:
#: A place is free as soon as its message is not in the queue, whatever became of it: whoever was killed
#: with it holds nothing up. Of a lane one message waits or stands in the queue: that is enough for all
#: that happens in it until it is received, and each sweep would put one more behind it. The write of what
#: comes is the first one, since a Redis that is full refuses only a script's first write. The two lists
#: take turns: what was lost is the oldest work of the account, and a storm of new messages may not keep it
#: out.
_LET_IN = """
local queue, places = KEYS[1], tonumber(ARGV[1])
local stands, gone = {}, {}
local standing = redis.call('HGETALL', KEYS[2])
for i = 1, #standing, 2 do
    if redis.call('LPOS', queue, standing[i + 1]) then
        stands[standing[i]] = true
        places = places - 1
    else
        gone[#gone + 1] = standing[i]
    end
end
local lane = ARGV[6]
if lane and not stands[lane] and not redis.call('HGET', KEYS[6], lane)
        and redis.call('LLEN', KEYS[tonumber(ARGV[4])]) < tonumber(ARGV[3]) then
    redis.call('HSET', KEYS[6], lane, ARGV[5])
    redis.call('RPUSH', KEYS[tonumber(ARGV[4])], lane)
end
for _, left in ipairs(gone) do redis.call('HDEL', KEYS[2], left) end
for _ = 1, places do
    local list = 3
    if redis.call('EXISTS', KEYS[4]) == 1 then list = 3 + redis.call('INCR', KEYS[5]) % 2 end
    if redis.call('EXISTS', KEYS[list]) == 0 then list = 7 - list end
    local next = redis.call('LPOP', KEYS[list])
    if not next then break end
    local message = redis.call('HGET', KEYS[6], next)
    if message then
        redis.call('HDEL', KEYS[6], next)
        redis.call('HSET', KEYS[2], next, message)
        redis.call('LPUSH', queue, message)
    end
end
if redis.call('EXISTS', KEYS[3]) + redis.call('EXISTS', KEYS[4]) == 0 then redis.call('DEL', KEYS[6]) end
for key = 2, 6 do redis.call('EXPIRE', KEYS[key], ARGV[2]) end
return redis.call('LLEN', KEYS[4])
"""
_FRESH_LIST, _AGAIN_LIST = 3, 4


@dataclass(frozen=True, slots=True)
class Coming:
    """A message that asks for a place, as kombu keeps it in a queue; its lane; whether it was sent before."""

    message: str
    lane: str
    again: bool = False


def share_of(account_id: object, queue: str) -> str:
    """Return the name of an account's share of a queue."""
    return f"{queue}:{account_id}"


def share_in(headers: object) -> str | None:
    """Return the share that a message's headers name, if they do."""
    share = headers.get(SHARE_HEADER) if isinstance(headers, Mapping) else None
    return share if isinstance(share, str) and ":" in share else None


def let_in(redis: Any, share: str, coming: Coming | None = None) -> int:
    """Move what has a place now from an account's lists to its queue, in one step.

    Returns how many still wait that were sent again. kombu's own client will do as `redis`: it puts its
    prefix before the keys of EVALSHA, and leaves those of EVAL alone.
    """
    keys = _keys(share)
    arguments: list[object] = [PLACES, _WAITING_SECONDS]
    if coming is not None:
        where = (AGAIN_LIMIT, _AGAIN_LIST) if coming.again else (WAITING_LIMIT, _FRESH_LIST)
        arguments += [*where, coming.message, coming.lane]
    return int(redis.execute_command("EVAL", _LET_IN, len(keys), *keys, *arguments))


def queue_of(share: str) -> str:
    """Return the queue that a share is of."""
    return share.rpartition(":")[0]


def _keys(share: str) -> list[str]:
    names = ("places", "fresh", "repeated", "turn", "messages")
    return [KEY_PREFIX + queue_of(share), *(f"{KEY_PREFIX}{name}:{share}" for name in names)]


class Shares:
    """What a publisher asks, and what a task that begins says. Another broker than Redis has no shares."""

    def __init__(self, broker_url: str) -> None:
        self._redis = quick_client(broker_url)

    def ensure_supported(self) -> None:
        """Raise TicketwalkError where the server is too old for shares: nothing would ever be queued."""
        if self._redis is None:
            return
        try:
            self._redis.lpos(f"{KEY_PREFIX}fresh:", "")
            self._redis.hgetall(f"{KEY_PREFIX}places:")
        except ResponseError as error:
            told = "older than Redis 6.0.6, or its user may not LPOS or HGETALL: no task is queued"
            raise TicketwalkError(told) from error

    def let_in(self, share: str) -> None:
        """A worker has received a message of the account, so the next one has a place."""
        if self._redis is None:
            return
        try:
            let_in(self._redis, share)
        except (RedisError, OSError) as error:
            log.warning("nobody let in", share=share, error=type(error).__name__)

    def room_again(self, share: str) -> int:
        """Return how many messages may be added that were sent before, as far as anybody knows.

        Whoever asks lets in what has a place meanwhile: so nothing waits for good whose turn was lost. Raises
        RedisError or OSError where Redis does not answer: it would take no message either.
        """
        return AGAIN_LIMIT if self._redis is None else max(0, AGAIN_LIMIT - let_in(self._redis, share))


@cache
def shares(broker_url: str) -> Shares:
    """Return this process's view of the shares."""
    return Shares(broker_url)
