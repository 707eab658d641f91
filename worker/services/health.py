"""How it goes with a connection, in words and numbers, for whoever looks after it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import undefer

from worker.db.models import ConnectionRow, ConnectionStateRow
from worker.db.unit_of_work import Transaction
from worker.domain.breaker import Standing
from worker.domain.upkeep import silent_for
from worker.services import routing
from worker.services.context import Context


@dataclass(frozen=True, slots=True)
class Health:
    """One connection. `problems` are sentences for a person; empty where all is well."""

    connection: ConnectionRow
    state: ConnectionStateRow
    paused_until: datetime | None
    silent: timedelta | None
    problems: tuple[str, ...]


def health_of(context: Context, tx: Transaction, connection: ConnectionRow) -> Health:
    """Return how it goes with one connection."""
    state = tx.session.get_one(ConnectionStateRow, connection.id)
    paused_until = Standing(state.failures, state.paused_until).pause_at(tx.now)
    silent = None
    if not context.providers[connection.provider].carries_commands:
        silent = silent_for(
            last_delivery_at=state.last_delivery_at or connection.created_at,
            missed=state.missed_since_delivery,
            now=tx.now,
        )
    return Health(connection, state, paused_until, silent, tuple(_problems(state, paused_until, silent)))


def every_health(context: Context, account: str | None = None) -> list[Health]:
    """Return how it goes with the connections of one account, or of all; secrets stay sealed."""
    query = select(ConnectionRow).order_by(ConnectionRow.name).options(undefer(ConnectionRow.secrets))
    return [
        health_of(context, tx, row)
        for tx in routing.each_account(context, account)
        for row in tx.session.scalars(query)
    ]


def _problems(
    state: ConnectionStateRow, paused_until: datetime | None, silent: timedelta | None
) -> Iterator[str]:
    if paused_until is not None:
        until = paused_until.isoformat(timespec="seconds")
        yield f"paused until {until}: {state.pause_reason or 'told to wait'}"
    elif Standing(state.failures).is_open:
        yield f"{state.failures} calls in a row got no answer: {state.pause_reason}; the next one tries it"
    if silent is not None:
        yield (
            f"no webhook for {int(silent.total_seconds() // 60)} minutes, though the PSA changed "
            f"{state.missed_since_delivery} tickets: ticketwalk connection check"
        )
    if state.reconcile_problem:
        yield state.reconcile_problem
    yield from state.problems
