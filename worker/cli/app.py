"""All commands, put together."""

import typer

from worker.cli import accounts, connections, enqueue, flows, listings, repairs, secrets, service, simulators

app = typer.Typer(
    name="ticketwalk",
    help="Walks PSA tickets: webhooks in, Celery tasks, Postgres as the truth, exactly one summary out.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

for group in (
    accounts.account_app,
    accounts.user_app,
    connections.app,
    secrets.app,
    flows.app,
    listings.walk_app,
    listings.delivery_app,
    listings.command_app,
    listings.outbox_app,
):
    app.add_typer(group)

listings.delivery_app.command("replay")(repairs.replay_deliveries)
listings.command_app.command("replay")(repairs.replay_commands)
listings.outbox_app.command("retry")(repairs.retry_outbox)
listings.outbox_app.command("discard")(repairs.discard_outbox)

app.command("up")(service.up)
app.command("demo")(service.demo)
app.command("migrate")(service.migrate)
app.command("doctor")(service.doctor)
app.command("receiver")(service.receiver)
app.command("enqueue", context_settings=enqueue.ANY_OPTIONS)(enqueue.enqueue)
app.command("simulator")(simulators.simulator)
