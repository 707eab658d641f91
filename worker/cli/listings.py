"""`ticketwalk walk|delivery|command|outbox …`: see what happened."""

from contextlib import AbstractContextManager
from typing import Annotated, Any
from uuid import UUID

import typer

from worker.cli.output import AsJson, Limit, print_record, print_rows
from worker.cli.session import context
from worker.db.models import CommandRow, DeliveryRow, SessionRow
from worker.db.unit_of_work import Transaction
from worker.domain.words import CommandState, DeliveryState, OutboxState, SessionStatus
from worker.services import listings, routing, views

walk_app = typer.Typer(name="walk", help="Walk sessions.", no_args_is_help=True)
delivery_app = typer.Typer(name="delivery", help="What was received.", no_args_is_help=True)
command_app = typer.Typer(
    name="command", help="Intended changes and what became of them.", no_args_is_help=True
)
outbox_app = typer.Typer(name="outbox", help="What the PSA is told.", no_args_is_help=True)


@walk_app.command("list")
def list_walks(
    status: SessionStatus | None = None, limit: Limit = listings.LISTING_LIMIT, as_json: AsJson = False
) -> None:
    """List walks, newest first."""
    rows = listings.walks(context(), status=status, limit=limit)
    print_rows(rows, as_json=as_json, empty="no walks yet")


@walk_app.command("show")
def show_walk(
    session_id: Annotated[UUID, typer.Argument(help="The session's id.")], as_json: AsJson = False
) -> None:
    """Show one walk: its path, its notes, its outcome, and what the PSA was told."""
    with _opened(SessionRow, session_id) as tx:
        record = views.walk(tx, session_id)
    print_record(record, as_json=as_json)


@delivery_app.command("list")
def list_deliveries(
    state: DeliveryState | None = None, limit: Limit = listings.LISTING_LIMIT, as_json: AsJson = False
) -> None:
    """List deliveries, newest first."""
    rows = listings.deliveries(context(), state=state, limit=limit)
    print_rows(rows, as_json=as_json, empty="no deliveries yet")


@delivery_app.command("show")
def show_delivery(
    delivery_id: Annotated[int, typer.Argument(help="The delivery's id.")],
    body: Annotated[bool, typer.Option("--body", help="With the body, as it came.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one delivery, and the commands it led to."""
    with _opened(DeliveryRow, delivery_id) as tx:
        record = views.delivery(tx, delivery_id, with_body=body)
    print_record(record, as_json=as_json)


@command_app.command("list")
def list_commands(
    state: CommandState | None = None, limit: Limit = listings.LISTING_LIMIT, as_json: AsJson = False
) -> None:
    """List commands, newest first."""
    rows = listings.commands(context(), state=state, limit=limit)
    print_rows(rows, as_json=as_json, empty="no commands yet")


@command_app.command("show")
def show_command(
    command_id: Annotated[int, typer.Argument(help="The command's id.")], as_json: AsJson = False
) -> None:
    """Show a command and what became of it."""
    with _opened(CommandRow, command_id) as tx:
        record = {**views.command_line(tx, command_id), **views.command(tx, command_id)}
    print_record(record, as_json=as_json)


@outbox_app.command("list")
def list_outbox(
    state: OutboxState | None = None, limit: Limit = listings.LISTING_LIMIT, as_json: AsJson = False
) -> None:
    """List outbox entries, newest first."""
    rows = listings.outbox(context(), state=state, limit=limit)
    print_rows(rows, as_json=as_json, empty="nothing to tell a PSA yet")


def _opened(model: routing.Routed, row_id: Any) -> AbstractContextManager[Transaction]:
    """Open a transaction of the account that the row belongs to. Refuses an id that there is none of."""
    service = context()
    return service.uow.begin(routing.account_of(service, model, row_id))
