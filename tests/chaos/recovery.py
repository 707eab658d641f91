"""`make recovery [FREEZE=120]`: how soon a worker works again at its old rate after its servers went away.

For each pool and each fault: a steady stream of steps, one fault, and the rate at which steps are applied,
read from the commands' own times. Recovered is the first moment from which the rate of the next seconds is at
least 95 % of the rate before. A worker that ended and was started again is told, and counts as failed.
"""

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count

import psycopg

from tests.chaos.plan import FLOW, NODES, TECHNICIAN, Event, TicketPlan, Way
from tests.chaos.sender import Sender
from tests.chaos.servers import open_work
from tests.chaos.tally import Played, Tally
from tests.chaos.world import STANDARD, World

#: Steps sent per second: well below what one worker applies on two cores, so that nothing queues up before.
OFFERED_PER_SECOND = 25.0
TICKETS = 25
#: How long the rate is looked at, in seconds, before the fault and for each window after it.
BEFORE_SECONDS = 15.0
WINDOW_SECONDS = 5.0
#: What the issue of recovery asks for: this share of the rate, within so many seconds.
SHARE = 0.95
BOUND_SECONDS = 30.0
#: And by when what was accepted without Redis is applied, once it is back with nothing in it: two sweeps.
EMPTY = "Redis restarted empty"
CAUGHT_UP_SECONDS = 4.0
#: How long after a fault the stream goes on.
AFTER_SECONDS = 45.0
#: The worker that is measured, and the one that is left out.
POOLS = {"prefork": ("commands", "threads"), "threads": ("threads", "commands")}


@dataclass(frozen=True, slots=True)
class Recovery:
    """What one fault came to. `seconds` is None where the rate did not come back while it was looked at.

    `caught_up` is when the last of what was accepted before the servers were back had been applied.
    """

    pool: str
    fault: str
    before: float
    seconds: float | None
    after: float
    caught_up: float
    ended: Sequence[str]

    @property
    def held(self) -> bool:
        in_time = self.seconds is not None and self.seconds <= BOUND_SECONDS
        return in_time and not self.ended and (self.fault != EMPTY or self.caught_up <= CAUGHT_UP_SECONDS)

    def line(self) -> str:
        back = "not back" if self.seconds is None else f"back after {self.seconds:4.1f} s"
        died = f"; ended: {', '.join(self.ended)}" if self.ended else ""
        share = self.after / self.before if self.before else 0.0
        return (
            f"{self.pool:8} {self.fault:32} {self.before:5.1f}/s before, {back}, then {share:4.0%}; "
            f"all accepted meanwhile applied after {self.caught_up:4.1f} s{died}"
        )


def main() -> int:
    """Return 0 where every worker was back in time."""
    parser = argparse.ArgumentParser(prog="make recovery", description=__doc__)
    parser.add_argument("--freeze", type=float, default=120.0, help="seconds that Redis is frozen")
    given = parser.parse_args()
    recoveries = [recovery for pool in POOLS for recovery in _pool(pool, given.freeze)]
    late = [recovery for recovery in recoveries if not recovery.held]
    _say(f"{len(recoveries)} faults; {len(late)} without recovery to {SHARE:.0%} within {BOUND_SECONDS:g} s")
    return int(bool(late))


def _pool(pool: str, freeze: float) -> Iterator[Recovery]:
    worker, other = POOLS[pool]
    with World(without={other, "beat-2"}) as world, _stream(world):
        for name, fault in _faults(world, freeze).items():
            recovery = _measure(world, pool, name, fault, worker)
            _say(recovery.line())
            yield recovery


def _faults(world: World, freeze: float) -> Mapping[str, Callable[[], object]]:
    return {
        "Redis restarted": lambda: world.servers.kill_redis(down_seconds=2),
        EMPTY: lambda: world.servers.kill_redis(down_seconds=2, lose_data=True),
        f"Redis frozen {freeze:g} s": lambda: world.servers.freeze_redis(freeze),
        "connections to Redis half-open": lambda: world.redis.say("stale"),
        "PostgreSQL restarted": lambda: world.servers.stop_postgres("fast", down_seconds=2),
        "connections to PostgreSQL cut": lambda: world.postgres.say("cut"),
    }


def _measure(world: World, pool: str, name: str, fault: Callable[[], object], worker: str) -> Recovery:
    pause = threading.Event()
    pause.wait(BEFORE_SECONDS)
    ended = dict(world.fleet.ended)
    before = _rate(world, time.time() - BEFORE_SECONDS, BEFORE_SECONDS)
    fault()
    over = time.time()
    pause.wait(AFTER_SECONDS)
    with suppress(psycopg.Error):  # the driver's own connection may have gone with the server
        open_work(world.servers)
    seconds = next(
        (
            start
            for start in _tenths(AFTER_SECONDS - WINDOW_SECONDS)
            if _rate(world, over + start, WINDOW_SECONDS) >= SHARE * before
        ),
        None,
    )
    after = _rate(world, over + (seconds or 0.0), AFTER_SECONDS - (seconds or 0.0))
    died = [
        line for line, times in world.fleet.ended.items() if times > ended.get(line, 0) and worker in line
    ]
    return Recovery(pool, name, before, seconds, after, _caught_up(world, over), died)


def _caught_up(world: World, over: float) -> float:
    [(seconds,)] = world.servers.rows(
        "SELECT extract(epoch FROM max(c.settled_at)) - %(over)s FROM command c "
        "JOIN delivery d ON d.id = c.delivery_id WHERE d.received_at < to_timestamp(%(over)s)",
        over=over,
    )
    return max(0.0, float(seconds))


def _tenths(seconds: float) -> Iterator[float]:
    return (tenth / 10 for tenth in range(int(seconds * 10) + 1))


def _rate(world: World, since: float, seconds: float) -> float:
    """Return commands settled per second of wall-clock time; both clocks are this machine's."""
    [(settled,)] = world.servers.rows(
        "SELECT count(*) FROM command WHERE settled_at >= to_timestamp(%(since)s) "
        "AND settled_at < to_timestamp(%(since)s + %(seconds)s)",
        since=since,
        seconds=seconds,
    )
    return float(settled) / seconds


@contextmanager
def _stream(world: World) -> Iterator[None]:
    """Send steps at a steady rate, each until it is accepted, while the context is open."""
    stop = threading.Event()
    sender = Sender(world.urls[STANDARD[0]], world.tool.secret, Tally(), stop)
    steps = _events()
    for _ in range(TICKETS):
        sender.deliver(_NOBODY, next(steps))
    thread = threading.Thread(target=_send, args=(sender, steps, stop), name="stream")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _send(sender: Sender, events: Iterator[Event], stop: threading.Event) -> None:
    """One after the other, late ones at once, so that the offered rate holds over a stall."""
    began = time.monotonic()
    for number in count():
        if stop.wait(max(0.0, began + number / OFFERED_PER_SECOND - time.monotonic())):
            return
        sender.deliver(_NOBODY, next(events))


def _events() -> Iterator[Event]:
    """Yield a start for each ticket, then their steps in turn, round and round the flow."""
    for number in range(TICKETS):
        yield _event(number, "start", "session.start", user=TECHNICIAN, kind="flow", flow=FLOW)
    for turn in count():
        for number in range(TICKETS):
            yield _event(number, turn, "step.record", node_id=f"n{turn % NODES}", answer="yes")


def _event(number: int, key: object, event_type: str, **data: str) -> Event:
    return Event(f"R-{number}.{key}", event_type, {"ticket_id": f"R-{number}", "ticket_kind": "psa", **data})


#: Nobody checks what became of these: the rate is all that counts here.
_NOBODY = Played(TicketPlan("recovery", Way.STANDARD, 0, "flow", "active"), "recovery")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the report


if __name__ == "__main__":
    sys.exit(main())
