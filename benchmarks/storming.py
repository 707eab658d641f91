"""Measure 4: a storm of signed step webhooks until all are applied, the whole service against a naive one."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from benchmarks import naive
from benchmarks.figures import Figure, Report, percentile
from benchmarks.running import answers, running, wait_for
from benchmarks.sending import Sent, send_steps
from benchmarks.serving import CONCURRENCY, Side, the_service
from benchmarks.stage import BenchWalk, Stage
from benchmarks.usage import cpu_seconds, server_pids
from worker.demo.service import free_port

TICKETS = 50
PER_TICKET = 12
#: A storm is over within this, in seconds, or something was lost.
STORM_SECONDS = 60.0
OURS, NAIVE = "ticketwalk", "naive"


@dataclass(frozen=True, slots=True)
class Storm:
    """What one storm came to. `seconds` from the first request until the last step stood in its walk."""

    sent: Sent
    seconds: float
    found: int
    cpu: Mapping[str, float]

    @property
    def rate(self) -> float:
        """Return steps applied per second."""
        return self.found / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Return processor milliseconds per step, PostgreSQL's and Redis' share included."""
        return 1000 * sum(self.cpu.values()) / self.found


def measure(stage: Stage, report: Report, rounds: int) -> None:
    """Send the same storm to both, by turns; each has walks of its own."""
    storms: dict[str, list[Storm]] = {OURS: [], NAIVE: []}
    with the_service(stage) as ours, _naive(stage) as other:
        sides = {OURS: ours, NAIVE: other}
        walks = {name: [stage.start_walk() for _ in range(TICKETS)] for name in sides}
        for name, side in sides.items():
            _storm(stage, side, walks[name], per_ticket=1)  # connections and caches
        for _ in range(rounds):
            for name, side in sides.items():
                storms[name].append(_storm(stage, side, walks[name], per_ticket=PER_TICKET))
    for name, of_side in storms.items():
        wanted = len(of_side) * TICKETS * PER_TICKET
        report.expect(f"steps of {name}'s storms", found=sum(storm.found for storm in of_side), wanted=wanted)
        report.remarks.append(f"{name}: CPU per step by program: {_shares(of_side)}")
    report.remarks.append(_way(stage))
    report.figures += _figures(storms[OURS], storms[NAIVE])


def _figures(ours: list[Storm], other: list[Storm]) -> Iterator[Figure]:
    quantities: list[tuple[str, str, Callable[[Storm], float]]] = [
        ("applied", "1/s", lambda storm: storm.rate),
        ("all applied after", "s", lambda storm: storm.seconds),
        ("all accepted after", "s", lambda storm: storm.sent.seconds),
        ("answer p50", "ms", lambda storm: 1000 * percentile(storm.sent.answers, 0.5)),
        ("cpu per step", "ms", lambda storm: storm.cpu_ms),
    ]
    for quantity, unit, of in quantities:
        yield Figure(
            f"storm of {TICKETS * PER_TICKET}",
            quantity,
            unit,
            OURS,
            NAIVE,
            [of(storm) for storm in ours],
            [of(storm) for storm in other],
        )


def _storm(stage: Stage, side: Side, walks: Sequence[BenchWalk], *, per_ticket: int) -> Storm:
    before, wanted = stage.steps(walks), len(walks) * per_ticket
    pids = {**side.pids, **server_pids(stage.settings.home_of_servers)}
    cpu = {name: cpu_seconds([pid]) for name, pid in pids.items()}
    began = time.perf_counter()
    sent = send_steps(side.url, stage.secret, walks, per_ticket)
    with suppress(TimeoutError):  # what is missing is counted
        wait_for("the storm", lambda: stage.steps(walks) - before >= wanted, seconds=STORM_SECONDS)
    seconds = time.perf_counter() - began
    used = {name: cpu_seconds([pid]) - cpu[name] for name, pid in pids.items()}
    return Storm(sent, seconds, stage.steps(walks) - before, used)


def _shares(storms: list[Storm]) -> str:
    """Return the processor milliseconds per step of each program."""
    found = sum(storm.found for storm in storms)
    sums = {name: sum(storm.cpu[name] for storm in storms) for name in storms[0].cpu}
    return ", ".join(f"{name} {1000 * seconds / found:.2f} ms" for name, seconds in sums.items())


def _way(stage: Stage) -> str:
    """Return how long a step was on its way through ticketwalk, stage by stage."""
    query = """
        SELECT round(1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM {to} - {since})))
        FROM command c JOIN delivery d ON d.id = c.delivery_id
    """
    parts = {
        "stored to interpreted": ("d.interpreted_at", "d.received_at"),
        "interpreted to applied": ("c.settled_at", "d.interpreted_at"),
    }
    found = (
        f"{name} {stage.count(query.format(to=to, since=since))} ms" for name, (to, since) in parts.items()
    )
    return f"{OURS}: median way of a step: {', '.join(found)}"


@contextmanager
def _naive(stage: Stage) -> Iterator[Side]:
    """Run the naive service on the same servers, with as many processes that apply."""
    port = str(free_port())
    environment = {
        **stage.environment,
        naive.DATABASE: stage.settings.database,
        naive.BROKER: stage.settings.broker,
        naive.SECRET: stage.secret,
    }
    receiving = (
        sys.executable,
        "-m",
        "uvicorn",
        "benchmarks.naive:receiver",
        "--port",
        port,
        "--no-access-log",
    )
    applying = (sys.executable, "-m", "celery", "-A", "benchmarks.naive:tasks", "worker")
    quiet = ("--without-gossip", "--without-mingle", "-c", str(CONCURRENCY))
    log = stage.settings.home / "naive.log"
    with (
        running(receiving, environment, log) as first,
        running((*applying, *quiet), environment, log) as second,
    ):
        wait_for("the naive receiver's start", lambda: answers(f"http://127.0.0.1:{port}/ready"))
        yield Side(
            f"http://127.0.0.1:{port}/webhook/{stage.connection_id}", {"receiver": first, "worker": second}
        )
