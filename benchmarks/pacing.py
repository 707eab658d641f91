"""Measure 5: how much of a PSA's limit two workers use together, and whether they ever go over it."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from uuid import uuid4

from benchmarks.figures import Figure, Report
from benchmarks.running import running, wait_for
from benchmarks.stage import ACCOUNT, TECHNICIAN, Stage
from integrations.connectwise.simulator.running import RunningSimulator
from worker.domain.words import CommandType, Outcome
from worker.services.accounts import NewConnection, add_connection
from worker.services.carrying import carry_out

#: Pushes, and what the PSA allows in any 60 seconds. Short: the window is not filled. The whole measure is
#: `make bench ARGS='--only pacing --rounds 1 --pushes 500 --calls-per-minute 100'`, five minutes.
PUSHES = 100
CALLS_PER_MINUTE = 600
#: Processes that push, with threads each; none knows of the other but through Redis.
WORKERS = 2
THREADS = 8
#: As long as it takes at half the rate, and some, or something hangs. Seconds.
SPARE_SECONDS = 60.0


def measure(
    stage: Stage,
    report: Report,
    rounds: int,
    *,
    pushes: int = PUSHES,
    calls_per_minute: int = CALLS_PER_MINUTE,
) -> None:
    """Push so many summaries to a PSA that answers 429 beyond its limit."""
    achieved, refused = [], 0
    with RunningSimulator() as psa, _workers(stage):
        connection_id = _connect(stage, psa, calls_per_minute)
        for _ in range(rounds):
            psa.reset()
            psa.limit_calls(calls_per_minute)
            _close_walks(stage, psa, connection_id, pushes)
            seconds = 2 * 60 * pushes / calls_per_minute + SPARE_SECONDS
            wait_for("the pushes", lambda: _open(stage) == 0, seconds=seconds)
            achieved.append(_rate(psa))
            refused += sum(request.status == 429 for request in psa.requests())  # noqa: PLR2004 - too many requests
    report.figures.append(
        Figure(
            "pacing",
            "calls of two workers",
            "1/min",
            "achieved",
            "allowed",
            achieved,
            [float(calls_per_minute)] * rounds,
        )
    )
    report.expect("answers 429", found=refused, wanted=0)
    report.remarks.append(f"pacing: {rounds} x {pushes} pushes, {refused} answers 429")


def _connect(stage: Stage, psa: RunningSimulator, calls_per_minute: int) -> str:
    new = NewConnection(
        account=ACCOUNT,
        provider="connectwise",
        name=f"paced {uuid4().hex[:8]}",
        base_url=psa.base_url,
        credentials=psa.credentials,
        webhook_secrets=(),
        rules={"limits": {"calls_per_minute": calls_per_minute}},
    )
    connection_id = str(add_connection(stage.context, new))
    # no webhook announces the tickets; to reconcile them would be calls that are no pushes
    _set(stage, connection_id, "reconcile_due_at", "now() + interval '1 day'")
    return connection_id


def _close_walks(stage: Stage, psa: RunningSimulator, connection_id: str, count: int) -> None:
    """Fill the outbox while nobody may send, so that the rate is the pushes' and not that of the closings."""
    _set(stage, connection_id, "paused_until", "now() + interval '1 hour'")
    for _ in range(count):
        address = {"connection": connection_id, "ticket": psa.create_ticket(), "user": TECHNICIAN}
        for command in (CommandType.START_ADHOC, CommandType.RESOLVE):
            done = carry_out(stage.context, command, uuid4().hex, address)
            assert done["outcome"] == Outcome.APPLIED, done
    _set(stage, connection_id, "paused_until", "NULL")


def _set(stage: Stage, connection_id: str, column: str, value: str) -> None:
    stage.count(
        f"UPDATE connection_state SET {column} = {value} WHERE connection_id = :id RETURNING 1",  # noqa: S608 - literals
        id=connection_id,
    )


def _open(stage: Stage) -> int:
    return stage.count("SELECT count(*) FROM outbox WHERE state NOT IN ('sent', 'parked')")


def _rate(psa: RunningSimulator) -> float:
    """Return calls per minute, from the first to the last, whatever they were for."""
    moments = sorted(datetime.fromisoformat(request.at) for request in psa.requests())
    return 60 * (len(moments) - 1) / (moments[-1] - moments[0]).total_seconds()


@contextmanager
def _workers(stage: Stage) -> Iterator[None]:
    """Run two pushing workers, one for the sweep, and the beat, as machines of their own would."""
    celery = (sys.executable, "-m", "celery", "-A", "worker")
    worker = (*celery, "worker", "--loglevel", "WARNING", "--without-gossip", "--without-mingle")
    pool = ("-P", "threads", "-c", str(THREADS))
    lines = {f"psa{n}": (*worker, "-n", f"psa{n}@%h", "-Q", "psa", *pool) for n in range(WORKERS)}
    lines["maintenance"] = (*worker, "-n", "maintenance@%h", "-Q", "maintenance", "-c", "1")
    lines["beat"] = (*celery, "beat", "--loglevel", "WARNING")
    environment = {**stage.environment, "TICKETWALK_ALLOW_PRIVATE_HOSTS": "true"}
    with ExitStack() as stack:
        for name, argv in lines.items():
            stack.enter_context(running(argv, environment, stage.settings.home / f"{name}.log"))
        yield
