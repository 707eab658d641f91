"""One bucket per connection for all workers, in Redis; and each process's own share where Redis is away.

Redis' own clock counts, so workers with wrong clocks agree. A slot is reserved and then waited for: nobody
asks twice. Keys end by themselves.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import structlog
from redis.exceptions import RedisError

from worker.domain.pace import FIRST_PATIENCE, CallLimit
from worker.redis_client import KEY_PREFIX, quick_client
from worker.services.pacing import LocalPacer, NoPlaceError, pause, refuse_beyond

log = structlog.get_logger()

#: A place whose worker has not renewed it for so long, in seconds, is free: its worker is dead. A worker that
#: was only slow makes one call too many at a time. With leases as long as a call may take (120 s), workers
#: that were killed one after the other held all places of a connection, and it stood still (`make chaos`).
PLACE_SECONDS = 15
#: How often a worker renews the places that it holds, in seconds. Two renewals that time out do no harm.
RENEW_SECONDS = 3.0
#: Without Redis nobody knows how many others call. Up to four processes keep within the limit then; where
#: there are more, the PSA says so itself, and is obeyed. `ticketwalk up` has one.
SHARES = 4
#: Redis is asked again after this, in seconds; until then its silence (a second each time) is not waited for.
ASK_AGAIN_SECONDS = 5.0
_PREFIX = f"{KEY_PREFIX}pace:"
MICROSECOND = timedelta(microseconds=1)

#: KEYS: the end of the last slot, in microseconds. ARGV: interval, tolerance, patience.
_RESERVE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, tolerance, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local slot = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now - tolerance)
local wait = math.max(slot - now, 0)
if wait > patience then return {0, wait} end
local keep = math.ceil((wait + interval + tolerance) / 1000) + 1000
redis.call('SET', KEYS[1], string.format('%.0f', slot + interval), 'PX', string.format('%.0f', keep))
return {1, wait}
"""
#: KEYS: those who hold a place, by the end of their lease; the end of the last slot. ARGV: who asks, how many
#: may, the lease, the patience.
_TAKE_PLACE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
if tonumber(redis.call('GET', KEYS[2]) or now) - now > tonumber(ARGV[4]) then return 0 end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[3] * 1000000), ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""
_GIVE_PLACE = "return redis.call('ZREM', KEYS[1], ARGV[1])"
#: KEYS: as above. ARGV: who holds a place, the lease. What was given back meanwhile stays so.
_KEEP_PLACE = """
local time = redis.call('TIME')
local ends = string.format('%.0f', time[1] * 1000000 + time[2] + ARGV[2] * 1000000)
redis.call('EXPIRE', KEYS[1], ARGV[2])
return redis.call('ZADD', KEYS[1], 'XX', ends, ARGV[1])
"""


class SharedPacer:
    """Slots and places that all workers share. Never blocks on Redis for more than about a second."""

    def __init__(self, broker_url: str) -> None:
        self._redis = quick_client(broker_url)
        self._local = LocalPacer()
        self._away_until = 0.0
        self._lock = threading.Lock()
        self._held: dict[str, str] = {}
        self._holds_some = threading.Event()
        self._keeper: threading.Thread | None = None

    def wait(self, connection_id: str, limit: CallLimit, *, patience: timedelta = FIRST_PATIENCE) -> None:
        """Reserve the connection's next slot and return when it comes."""
        wait = self.reserve(connection_id, limit, patience=patience)
        if wait is None:
            self._local.wait(connection_id, limit.shared_by(SHARES), patience=patience)
        else:
            pause(wait.total_seconds())

    def reserve(self, connection_id: str, limit: CallLimit, *, patience: timedelta) -> timedelta | None:
        """Return how long to wait for the slot that is now reserved; None where Redis does not say."""
        waits = (limit.interval, limit.tolerance, patience)
        answer = self._ask(_RESERVE, (f"slot:{connection_id}",), [wait // MICROSECOND for wait in waits])
        if answer is None:
            return None
        reserved, microseconds = answer
        wait: timedelta = microseconds * MICROSECOND
        if not reserved:
            refuse_beyond(patience, wait)
        return wait

    @contextmanager
    def place(
        self, connection_id: str, at_once: int, *, patience: timedelta = FIRST_PATIENCE
    ) -> Iterator[None]:
        """Hold a place among all workers' calls."""
        keys, me = (f"places:{connection_id}", f"slot:{connection_id}"), uuid4().hex
        taken = self._ask(_TAKE_PLACE, keys, [me, at_once, PLACE_SECONDS, patience // MICROSECOND])
        if taken is None:
            with self._local.place(connection_id, max(1, at_once // SHARES), patience=patience):
                yield
            return
        if not taken:
            raise NoPlaceError
        try:
            self._keep(me, keys[0])
            yield
        finally:
            self._held.pop(me, None)
            self._ask(_GIVE_PLACE, keys[:1], [me])

    def _keep(self, me: str, key: str) -> None:
        """Have a place renewed for as long as it is held."""
        with self._lock:
            self._held[me] = _PREFIX + key
            if self._keeper is None or not self._keeper.is_alive():
                self._keeper = threading.Thread(target=self._renew, name="places", daemon=True)
                self._keeper.start()
        self._holds_some.set()

    def _renew(self) -> None:
        """Redis is asked even where it was silent a moment ago: a lease does not wait for it."""
        assert self._redis is not None  # it has given the places
        while self._holds_some.wait():
            pause(RENEW_SECONDS)
            self._holds_some.clear()
            for me, key in tuple(self._held.items()):
                self._holds_some.set()
                with suppress(RedisError, OSError):
                    self._redis.eval(_KEEP_PLACE, 1, key, me, PLACE_SECONDS)

    def _ask(self, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Return what Redis says, or None where it is away, silent, or takes no writes."""
        if self._redis is None or time.monotonic() < self._away_until:
            return None
        try:
            return self._redis.eval(script, len(keys), *(_PREFIX + key for key in keys), *arguments)
        except (RedisError, OSError) as error:
            with self._lock:
                self._away_until = time.monotonic() + ASK_AGAIN_SECONDS
            log.warning("paced without redis", error=type(error).__name__)
            return None
