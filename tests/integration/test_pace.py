"""One limit for all workers, on a real Redis."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from uuid import uuid4

import pytest
from redis import Redis

from worker import pace
from worker.domain.pace import FIRST_PATIENCE, CallLimit
from worker.pace import SharedPacer
from worker.runtime.home import Home
from worker.services.pacing import NoPlaceError, OwnLimitError

pytestmark = pytest.mark.integration

#: A minute of 0.6 s: 100 calls in it are as 100 a minute.
LIMIT = CallLimit(100, timedelta(seconds=0.6))
SLOW = CallLimit(1, timedelta(hours=1))

#: Two processes reserve as fast as they can; each prints the times of its slots on Redis' own clock.
RESERVE = """
import sys
from datetime import timedelta
from redis import Redis
from worker.domain.pace import CallLimit
from worker.pace import SharedPacer
url, connection, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
clock = Redis(unix_socket_path=url.removeprefix("redis+socket://").partition("?")[0])
pacer = SharedPacer(url)
for _ in range(calls):
    before = clock.time()
    wait = pacer.reserve(
        connection, CallLimit(100, timedelta(seconds=0.6)), patience=timedelta(hours=1)
    )
    after = clock.time()
    for moment in (before, after):
        print(moment[0] + moment[1] / 1e6 + wait.total_seconds(), end=" ")
    print()
"""


@pytest.fixture
def connection() -> str:
    return uuid4().hex


@pytest.fixture
def pacer(home: Home) -> SharedPacer:
    return SharedPacer(home.redis_url)


@pytest.fixture
def redis(home: Home) -> Iterator[Redis]:
    path = home.redis_url.removeprefix("redis+socket://").partition("?")[0]
    with Redis(unix_socket_path=path) as client:
        yield client


def test_two_processes_together_never_exceed_the_limit_in_any_window(home, connection):
    line = [sys.executable, "-c", RESERVE, home.redis_url, connection, "300"]
    running = [subprocess.Popen(line, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = "".join(process.communicate(timeout=60)[0] for process in running)
    # each slot lies between the two readings of the clock
    slots = sorted(tuple(map(float, row.split())) for row in printed.splitlines())
    assert len(slots) == 600
    interval = LIMIT.interval.total_seconds()
    middles = sorted((early + late) / 2 for early, late in slots)
    spans = [later - earlier for earlier, later in zip(middles, middles[100:], strict=False)]
    slack = max(late - early for early, late in slots)
    assert min(spans) > 100 * interval - LIMIT.tolerance.total_seconds() - slack
    assert min(spans) > 0.6 - slack, "the 101st call is never within the window of the first"
    assert 600 / (middles[-1] - middles[0]) > 0.95 * 100 / 0.6


def test_a_reserved_slot_is_waited_for_and_asked_for_once(pacer, connection):
    limit = CallLimit(10, timedelta(seconds=1))
    pacer.wait(connection, limit)
    asked = time.monotonic()
    pacer.wait(connection, limit)
    waited = time.monotonic() - asked
    assert waited >= 0.09


def test_a_slot_beyond_the_patience_is_refused_with_the_exact_wait_and_not_taken(pacer, connection):
    pacer.wait(connection, SLOW)
    for _ in range(3):
        with pytest.raises(OwnLimitError) as refused:
            pacer.wait(connection, SLOW)
        assert timedelta(minutes=61) < refused.value.retry_after < timedelta(minutes=62)


def test_two_workers_share_the_places_of_a_connection_and_other_connections_have_their_own(
    home, pacer, connection
):
    other_worker = SharedPacer(home.redis_url)
    with ExitStack() as held:
        held.enter_context(pacer.place(connection, 2))
        held.enter_context(other_worker.place(connection, 2))
        for worker in (pacer, other_worker):
            with pytest.raises(NoPlaceError), worker.place(connection, 2):
                pytest.fail("a third call was let in")
        with pacer.place(uuid4().hex, 2):
            pass
    with pacer.place(connection, 1):
        pass


def test_a_place_is_given_only_where_a_slot_is_near(pacer, connection):
    pacer.wait(connection, SLOW)
    with pytest.raises(NoPlaceError), pacer.place(connection, 3):
        pytest.fail("its slot is an hour away")
    with pacer.place(connection, 3, patience=timedelta(hours=2)):
        pass


HOLD_A_PLACE = """
import sys
from worker import pace
pace.PLACE_SECONDS, pace.RENEW_SECONDS = 4, 0.2
with pace.SharedPacer(sys.argv[1]).place(sys.argv[2], 1):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_place_of_a_worker_that_was_killed_comes_free(home, pacer, redis, connection):
    line = [sys.executable, "-c", HOLD_A_PLACE, home.redis_url, connection]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout
        assert worker.stdout.readline() == "held\n"
        await_renewal(redis, connection)
        with pytest.raises(NoPlaceError), pacer.place(connection, 1):
            pytest.fail("it is taken")
        worker.kill()
    deadline, pause = time.monotonic() + 10, threading.Event()
    with ExitStack() as held:
        while not entered(held, pacer, connection):
            assert time.monotonic() < deadline
            pause.wait(0.05)


def test_a_place_is_kept_for_as_long_as_its_work_takes(pacer, redis, connection, monkeypatch):
    monkeypatch.setattr(pace, "PLACE_SECONDS", 4)
    monkeypatch.setattr(pace, "RENEW_SECONDS", 0.2)
    with pacer.place(connection, 1):
        await_renewal(redis, connection)
        with pytest.raises(NoPlaceError), pacer.place(connection, 1):
            pytest.fail("it is still taken")
    assert redis.zcard(f"ticketwalk:pace:places:{connection}") == 0


def await_renewal(redis: Redis, connection: str) -> None:
    """Wait until the lease of the one place ends later than the first one would have, by more than itself."""
    key = f"ticketwalk:pace:places:{connection}"

    def ends() -> float:
        return float(redis.zrange(key, 0, -1, withscores=True)[0][1])

    first, deadline, pause = ends(), time.monotonic() + 30, threading.Event()
    while ends() < first + 5_000_000:
        assert time.monotonic() < deadline, "it was not renewed"
        pause.wait(0.05)


def entered(held: ExitStack, pacer: SharedPacer, connection: str) -> bool:
    try:
        held.enter_context(pacer.place(connection, 1))
    except NoPlaceError:
        return False
    return True


def test_what_is_kept_in_redis_ends_by_itself(pacer, redis, connection):
    with pacer.place(connection, 1):
        pacer.wait(connection, LIMIT)
        kept = list(redis.scan_iter(f"ticketwalk:pace:*{connection}"))
        assert len(kept) == 2
        assert all(redis.pttl(key) > 0 for key in kept)


@pytest.mark.parametrize("broker", ["redis+socket:///nowhere/redis.sock", "amqp://broker"])
def test_without_redis_each_process_keeps_to_its_own_share(broker, connection):
    alone = SharedPacer(broker)
    with alone.place(connection, 4), pytest.raises(NoPlaceError), alone.place(connection, 4):
        pytest.fail("a quarter of the places")
    alone.wait(connection, SLOW)
    with pytest.raises(OwnLimitError) as refused:
        alone.wait(connection, SLOW)
    assert refused.value.retry_after > timedelta(hours=4), "a quarter of the rate"


def test_a_redis_that_takes_no_writes_is_done_without(pacer, redis, connection):
    redis.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        began = time.monotonic()
        pacer.wait(connection, LIMIT)
        with pacer.place(connection, 4):
            pass
        assert time.monotonic() - began < 2
    finally:
        redis.execute_command("REPLICAOF", "NO", "ONE")


def test_a_frozen_redis_costs_a_second_once_and_blocks_nobody(pacer, redis, connection):
    redis.client_pause(4_000)
    try:
        began = time.monotonic()
        for _ in range(20):
            pacer.wait(connection, LIMIT, patience=FIRST_PATIENCE)
        assert time.monotonic() - began < 3
    finally:
        redis.client_unpause()
