"""`ticketwalk up`, `demo`, `migrate`, `doctor` and `receiver`: run the service and look after it."""

import os
from typing import Annotated

import typer

from worker.celery import app as celery_app
from worker.cli.output import AsJson, console, print_record, print_rows, printable
from worker.cli.session import context, settings
from worker.composition import build
from worker.db.migrate import migrate as run_migrations
from worker.hints import BackgroundPublisher, CeleryPublisher
from worker.logs import configure_logs
from worker.runtime.programs import Ports, programs, where_things_are
from worker.runtime.servers import hold_servers
from worker.runtime.supervisor import Supervisor
from worker.services.doctor import examine
from worker.settings import load_settings
from worker.shares import shares

#: One receiver process takes what two cores give; each request holds a connection for one insert.
RECEIVER_POOL_SIZE = 10

Port = Annotated[int, typer.Option(min=1, max=65535, help="The receiver's port.")]


def up(
    port: Port = 8700,
    flower_port: Annotated[int, typer.Option(min=1, max=65535, help="Flower's port.")] = 5555,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Worker processes; default: cores.")] = None,
    no_flower: Annotated[bool, typer.Option("--no-flower", help="Without Flower.")] = False,
) -> int:
    """Run receiver, workers, beat and Flower until Ctrl-C; embedded servers where no URL is set."""
    ports = Ports(receiver=port, flower=None if no_flower else flower_port)
    hold_servers(settings())
    run_migrations(settings().database)
    for line in where_things_are(settings(), ports):
        console().print(printable(line))
    return Supervisor(programs(settings(), ports, concurrency=concurrency or os.cpu_count() or 1)).run()


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Stay up afterwards, until Ctrl-C.")] = False,
) -> int:
    """Run one ticket from webhook to summary, everything real and embedded, in a home of its own."""
    from worker.demo.script import run_demo  # noqa: PLC0415 - a web framework, which no other command needs

    return run_demo(keep=keep)


def migrate(as_json: AsJson = False) -> None:
    """Bring the database schema up to date."""
    hold_servers(settings())
    print_record({"revision": run_migrations(settings().database)}, as_json=as_json)


def doctor(as_json: AsJson = False) -> int:
    """Examine settings, servers, schema and versions; exit 1 if anything is wrong."""
    checks = examine(settings(), context(), ping_broker=_ping_broker)
    rows = [{"check": check.name, "ok": check.ok, "detail": check.detail} for check in checks]
    print_rows(rows, as_json=as_json, empty="nothing examined")
    return int(not all(check.ok for check in checks))


def receiver(
    port: Port = 8700, host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1"
) -> None:
    """Run only the webhook receiver (as `up` does; for a machine of its own)."""
    from worker.receiver.app import create_app, serve  # noqa: PLC0415 - a web framework, which no other command needs

    configure_logs(load_settings().log_level)
    hold_servers(load_settings())
    publisher = BackgroundPublisher(CeleryPublisher(celery_app))
    service = build(load_settings(), publisher, pool_size=RECEIVER_POOL_SIZE)
    app = create_app(service, deliveries_per_second=load_settings().deliveries_per_second)
    serve(app, host=host, port=port)


def _ping_broker() -> None:
    with celery_app.connection_for_write(connect_timeout=2) as connection:
        connection.ensure_connection(max_retries=1, timeout=3)
    shares(celery_app.conf.broker_url).ensure_supported()
