"""`ticketwalk walk|delivery|command|outbox …`: see what happened."""

from typing import Annotated
from uuid import UUID

import typer

from worker.cli.output import AsJson, Limit, print_record, print_rows
from worker.cli.session import context
from worker.domain.words import CommandState, DeliveryState, OutboxState, SessionStatus
from worker.services import views

walk_app = typer.Typer(name="walk", help="Walk sessions.", no_args_is_help=True)
delivery_app = typer.Typer(name="delivery", help="What was received.", no_args_is_help=True)
command_app = typer.Typer(
    name="command", help="Intended changes and what became of them.", no_args_is_help=True
)
outbox_app = typer.Typer(name="outbox", help="What the PSA is told.", no_args_is_help=True)


@walk_app.command("list")
def list_walks(
    status: SessionStatus | None = None, limit: Limit = views.LISTING_LIMIT, as_json: AsJson = False
) -> None:
    """List walks, newest first."""
    with context().uow.begin(None) as tx:
        rows = views.walks(tx, status=status, limit=limit)
    print_rows(rows, as_json=as_json, empty="no walks yet")


@walk_app.command("show")
def show_walk(
    session_id: Annotated[UUID, typer.Argument(help="The session's id.")], as_json: AsJson = False
) -> None:
    """Show one walk: its path, its notes, its outcome, and what the PSA was told."""
    with context().uow.begin(None) as tx:
        record = views.walk(tx, session_id)
    print_record(record, as_json=as_json)


@delivery_app.command("list")
def list_deliveries(
    state: DeliveryState | None = None, limit: Limit = views.LISTING_LIMIT, as_json: AsJson = False
) -> None:
    """List deliveries, newest first."""
    with context().uow.begin(None) as tx:
        rows = views.deliveries(tx, state=state, limit=limit)
    print_rows(rows, as_json=as_json, empty="no deliveries yet")


@delivery_app.command("show")
def show_delivery(
    delivery_id: Annotated[int, typer.Argument(help="The delivery's id.")],
    body: Annotated[bool, typer.Option("--body", help="With the body, as it came.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one delivery, and the commands it led to."""
    with context().uow.begin(None) as tx:
        record = views.delivery(tx, delivery_id, with_body=body)
    print_record(record, as_json=as_json)


@command_app.command("list")
def list_commands(
    state: CommandState | None = None, limit: Limit = views.LISTING_LIMIT, as_json: AsJson = False
) -> None:
    """List commands, newest first."""
    with context().uow.begin(None) as tx:
        rows = views.commands(tx, state=state, limit=limit)
    print_rows(rows, as_json=as_json, empty="no commands yet")


@command_app.command("show")
def show_command(
    command_id: Annotated[int, typer.Argument(help="The command's id.")], as_json: AsJson = False
) -> None:
    """Show a command and what became of it."""
    with context().uow.begin(None) as tx:
        record = {**views.command_line(tx, command_id), **views.command(tx, command_id)}
    print_record(record, as_json=as_json)


@outbox_app.command("list")
def list_outbox(
    state: OutboxState | None = None, limit: Limit = views.LISTING_LIMIT, as_json: AsJson = False
) -> None:
    """List outbox entries, newest first."""
    with context().uow.begin(None) as tx:
        rows = views.outbox(tx, state=state, limit=limit)
    print_rows(rows, as_json=as_json, empty="nothing to tell a PSA yet")
