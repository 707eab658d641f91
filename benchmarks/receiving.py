"""Measure 3: whether the receiver's answers depend on Redis: there, killed, and frozen."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from redis import Redis

from benchmarks.figures import Figure, Report, percentile
from benchmarks.running import answers, running, wait_for
from benchmarks.sending import Sent, send_steps
from benchmarks.stage import BenchWalk, Stage
from benchmarks.usage import server_pids
from worker.demo.service import free_port
from worker.runtime.servers import hold_servers

WALKS = 20
#: Deliveries of each walk per round: 300 in all, so that the 99th percentile has some above it.
PER_WALK = 15
THERE = "Redis there"
#: Where `worker.wakes` keeps its flags.
WAKES = "ticketwalk:wake:*"


def measure(stage: Stage, report: Report, rounds: int) -> None:
    """Send to a receiver alone: no worker, and nobody who would start a killed Redis again."""
    states: dict[str, Callable[[], AbstractContextManager[None]]] = {
        THERE: nullcontext,
        "Redis killed": lambda: _redis_killed(stage),
        "Redis frozen": lambda: _redis_frozen(stage),
    }
    walks = [stage.start_walk() for _ in range(WALKS)]
    before = _stored(stage)
    sent: dict[str, list[Sent]] = {state: [] for state in states}
    with _receiver(stage) as url:
        send_steps(url, stage.secret, walks, 1)  # nobody's first request is measured
        for _ in range(rounds):
            for state, broken in states.items():
                _recover(stage, url, walks[0])
                with broken():
                    sent[state].append(send_steps(url, stage.secret, walks, PER_WALK))
    wanted = WALKS + rounds * len(states) * (1 + WALKS * PER_WALK)
    report.expect("deliveries accepted and stored", found=_stored(stage) - before, wanted=wanted)
    for state in list(states)[1:]:
        report.figures += _figures(state, sent[state], sent[THERE])
    for state, bursts in sent.items():
        if refused := sum(burst.refused for burst in bursts):
            report.remarks.append(f"{state}: the receiver asked {refused} times to send again")


def _figures(state: str, these: list[Sent], those: list[Sent]) -> Iterator[Figure]:
    ways = (state, THERE)
    yield Figure(
        "receiver", "accepted", "1/s", *ways, [burst.rate for burst in these], [burst.rate for burst in those]
    )
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        yield Figure("receiver", f"answer {name}", "ms", *ways, _answer(these, share), _answer(those, share))


def _answer(bursts: list[Sent], share: float) -> list[float]:
    return [1000 * percentile(burst.answers, share) for burst in bursts]


def _stored(stage: Stage) -> int:
    return stage.count("SELECT count(*) FROM delivery")


@contextmanager
def _receiver(stage: Stage) -> Iterator[str]:
    """Run a receiver as `ticketwalk receiver`. Yield the connection's webhook URL."""
    port = free_port()
    argv = (sys.executable, "-m", "worker", "receiver", "--port", str(port))
    with running(argv, stage.environment, stage.settings.home / "receiver.log"):
        wait_for("the receiver's start", lambda: answers(f"http://127.0.0.1:{port}/readyz"))
        yield f"http://127.0.0.1:{port}/webhooks/standard/{stage.connection_id}"


def _recover(stage: Stage, url: str, walk: BenchWalk) -> None:
    """Return once a hint has gone through, so that no state pays for what the one before it left waiting."""
    with Redis(unix_socket_path=str(stage.settings.home_of_servers.redis_socket)) as redis:
        redis.flushall()
        send_steps(url, stage.secret, [walk], 1)
        wait_for("a wake-up's flag in Redis", lambda: bool(redis.keys(WAKES)))


@contextmanager
def _redis_killed(stage: Stage) -> Iterator[None]:
    os.kill(_redis_pid(stage), signal.SIGKILL)
    try:
        yield
    finally:
        hold_servers(stage.settings)  # starts what has died


@contextmanager
def _redis_frozen(stage: Stage) -> Iterator[None]:
    """Stop it without closing anything: connections stand, nobody answers."""
    pid = _redis_pid(stage)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _redis_pid(stage: Stage) -> int:
    return server_pids(stage.settings.home_of_servers)["redis"]
