"""`… replay`, `… retry`, `… discard`: act on what needs a person, on one or on many."""

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from worker.celery import app as celery_app
from worker.cli.operators import Operator, operator
from worker.cli.output import AsJson, print_rows
from worker.cli.session import context
from worker.db.models import CommandRow, DeliveryRow, OutboxRow
from worker.domain.words import CommandState, DeliveryState, OutboxState
from worker.hints import CeleryPublisher
from worker.services import repair
from worker.services.context import Context

Ids = Annotated[list[int] | None, typer.Argument(help="Ids, as the listing shows them.")]
Many = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="With --state: the oldest so many.")]

_Repair = Callable[..., list[repair.Repaired]]


def replay_deliveries(
    ids: Ids = None,
    state: Annotated[DeliveryState | None, typer.Option(help="All in this state.")] = None,
    limit: Many = 1_000,
    by: Operator = None,
    as_json: AsJson = False,
) -> int:
    """Interpret deliveries again; what they meant before is not done twice."""
    return _act(repair.replay_deliveries, DeliveryRow, ids, state, limit=limit, by=by, as_json=as_json)


def replay_commands(
    ids: Ids = None,
    state: Annotated[CommandState | None, typer.Option(help="All in this state.")] = None,
    limit: Many = 1_000,
    by: Operator = None,
    as_json: AsJson = False,
) -> int:
    """Apply refused or parked commands again, each at its place in its ticket."""
    return _act(repair.replay_commands, CommandRow, ids, state, limit=limit, by=by, as_json=as_json)


def retry_outbox(
    ids: Ids = None,
    state: Annotated[OutboxState | None, typer.Option(help="All in this state.")] = None,
    limit: Many = 1_000,
    by: Operator = None,
    as_json: AsJson = False,
) -> int:
    """Try to tell the PSA now."""
    return _act(repair.retry_entries, OutboxRow, ids, state, limit=limit, by=by, as_json=as_json)


def discard_outbox(
    ids: Ids = None,
    state: Annotated[OutboxState | None, typer.Option(help="All in this state.")] = None,
    limit: Many = 1_000,
    by: Operator = None,
    as_json: AsJson = False,
) -> int:
    """Give entries up: the PSA is never told; the rows stay."""
    return _act(repair.discard_entries, OutboxRow, ids, state, limit=limit, by=by, as_json=as_json)


def _act(
    act: _Repair,
    model: type[repair.Row],
    ids: Sequence[int] | None,
    state: str | None,
    *,
    limit: int,
    by: str | None,
    as_json: bool,
) -> int:
    """Return 1 where a named row was not there to repair; a repeated repair of many finds nothing to do."""
    if bool(ids) == bool(state):
        raise typer.BadParameter("give ids, or --state for all in that state")
    service = context(CeleryPublisher(celery_app))
    chosen = list(ids or ()) or _in_state(service, model, str(state), limit=limit)
    rows = act(service, chosen, operator=operator(by))
    print_rows(
        [{"id": row.id, "done": row.done, "state": row.state} for row in rows],
        as_json=as_json,
        empty="nothing to do",
    )
    return int(any(row.state == "unknown" for row in rows))


def _in_state(service: Context, model: type[repair.Row], state: str, *, limit: int) -> list[int]:
    with service.uow.across() as tx:
        return repair.kept(tx, model, [state], limit=limit)
