"""The programs that make up the service on one machine, and where they are found."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.engine import make_url

import flowerconfig
from worker.runtime.supervisor import Program
from worker.settings import Settings

#: Threads that wait for PSAs; each mostly sleeps in a call of up to 30 s.
PSA_THREADS = 16
#: A running task may take this long to end after SIGTERM, in seconds: a PSA call's time-outs and a commit.
WORKER_STOP_SECONDS = 45.0
#: Everybody would hear everybody's events; Redis keeps the queues (mitodl/ol-infrastructure#5980).
_QUIET = ("--without-gossip", "--without-mingle")


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the service listens, on loopback. `flower` is None without Flower."""

    receiver: int
    flower: int | None


def programs(settings: Settings, ports: Ports, *, concurrency: int) -> list[Program]:
    """Return the service's programs; where servers are embedded, one that restarts them when they die."""
    celery = (sys.executable, "-m", "celery", "-A", "worker")
    worker = (*celery, "worker", "--loglevel", "INFO", *_QUIET)
    applying = (*worker, "-n", "commands@%h", "-Q", "commands,maintenance", "-c", str(concurrency))
    calling = (*worker, "-n", "psa@%h", "-Q", "psa", "-P", "threads", "-c", str(PSA_THREADS))
    listed = [
        Program(
            "receiver", (sys.executable, "-m", "worker", "receiver", "--port", str(ports.receiver)), colour=32
        ),
        Program("commands", applying, colour=36, stop_seconds=WORKER_STOP_SECONDS),
        Program("psa", calling, colour=34, stop_seconds=WORKER_STOP_SECONDS),
        Program("beat", (*celery, "beat", "--loglevel", "WARNING"), colour=35),
    ]
    if ports.flower is not None:
        flower = (*celery, "flower", f"--conf={flowerconfig.__file__}", f"--port={ports.flower}")
        listed.append(Program("flower", flower, colour=33))
    return [*listed, *_keeper(settings)]


def _keeper(settings: Settings) -> list[Program]:
    servers = [
        name
        for name, embedded in (("postgres", settings.embedded_postgres), ("redis", settings.embedded_redis))
        if embedded
    ]
    argv = (sys.executable, "-m", "worker.runtime.keeper", str(settings.home), *servers)
    return [Program("keeper", argv, colour=31)] if servers else []


def where_things_are(settings: Settings, ports: Ports) -> Iterator[str]:
    """Yield lines that say where everything is; never a password."""
    yield f"receiver   http://127.0.0.1:{ports.receiver}/webhooks/PROVIDER/CONNECTION_ID"
    yield "           health /healthz /readyz, numbers /metrics, API /docs"
    if ports.flower is not None:
        yield f"flower     http://127.0.0.1:{ports.flower}"
    yield f"home       {settings.home}"
    yield f"postgres   {_shown(settings.database, embedded=settings.embedded_postgres)}"
    yield f"redis      {_shown(settings.broker, embedded=settings.embedded_redis)}"
    if settings.allow_private_hosts:
        yield "WARNING    TICKETWALK_ALLOW_PRIVATE_HOSTS is on: for development only"


def _shown(url: str, *, embedded: bool) -> str:
    if embedded:
        return "embedded, started for this home"
    return make_url(url).render_as_string(hide_password=True)
