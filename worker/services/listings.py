"""Listings over all accounts, newest first: the router finds which rows, each account says what they say."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from worker.db.models import CommandRow, DeliveryRow, OutboxRow, SessionRow, TicketRow, UserRow
from worker.db.unit_of_work import Transaction
from worker.domain.words import CommandState, DeliveryState, OutboxState, SessionStatus
from worker.services import views
from worker.services.context import Context

#: Rows of a listing unless told otherwise.
LISTING_LIMIT = 50

_Line = Mapping[str, Any]
#: Reads rows of one account by their ids. Yields each one's id and line.
_Read = Callable[[Transaction, Sequence[Any]], Iterable[tuple[Any, _Line]]]


def walks(context: Context, *, status: SessionStatus | None = None, limit: int) -> list[_Line]:
    """Return the newest walks, one line each."""
    query = select(SessionRow.account_id, SessionRow.id).order_by(SessionRow.started_at.desc())
    if status is not None:
        query = query.where(SessionRow.status == status)
    return _lines(context, query.limit(limit), _walks)


def commands(context: Context, *, state: CommandState | None, limit: int) -> list[_Line]:
    """Return the newest commands, one line each."""
    query = select(CommandRow.account_id, CommandRow.id).order_by(CommandRow.id.desc())
    if state is not None:
        query = query.where(CommandRow.state == state)
    return _lines(context, query.limit(limit), _commands)


def deliveries(context: Context, *, state: DeliveryState | None, limit: int) -> list[_Line]:
    """Return the newest deliveries, one line each; never their bodies."""
    query = select(DeliveryRow.account_id, DeliveryRow.id).order_by(DeliveryRow.id.desc())
    if state is not None:
        query = query.where(DeliveryRow.state == state)
    return _lines(context, query.limit(limit), _deliveries)


def outbox(context: Context, *, state: OutboxState | None, limit: int) -> list[_Line]:
    """Return the newest outbox entries, one line each."""
    query = select(OutboxRow.account_id, OutboxRow.id).order_by(OutboxRow.id.desc())
    if state is not None:
        query = query.where(OutboxRow.state == state)
    return _lines(context, query.limit(limit), _outbox)


def _lines(context: Context, query: Select[UUID, Any], read: _Read) -> list[_Line]:
    """Return the line of each row that the query finds, in the query's order."""
    with context.uow.across() as across:
        found = across.session.execute(query).all()
    by_account: dict[UUID, list[Any]] = {}
    for account_id, row_id in found:
        by_account.setdefault(account_id, []).append(row_id)
    lines: dict[Any, _Line] = {}
    for account_id, ids in by_account.items():
        with context.uow.begin(account_id) as tx:
            lines.update(read(tx, ids))
    # one that was pruned meanwhile is left out
    return [lines[row_id] for _, row_id in found if row_id in lines]


def _walks(tx: Transaction, ids: Sequence[Any]) -> Iterable[tuple[Any, _Line]]:
    query = (
        select(SessionRow, TicketRow.external_id, UserRow.email)
        .join(TicketRow, TicketRow.id == SessionRow.ticket_id)
        .join(UserRow, UserRow.id == SessionRow.user_id)
        .where(SessionRow.id.in_(ids))
    )
    for session, ticket, email in tx.session.execute(query):
        yield session.id, views.walk_line(session, ticket, email)


def _commands(tx: Transaction, ids: Sequence[Any]) -> Iterable[tuple[Any, _Line]]:
    query = (
        select(CommandRow, TicketRow.external_id)
        .join(TicketRow, TicketRow.id == CommandRow.ticket_id)
        .where(CommandRow.id.in_(ids))
    )
    for row, ticket in tx.session.execute(query):
        yield row.id, views.line_of_command(row, ticket)


def _deliveries(tx: Transaction, ids: Sequence[Any]) -> Iterable[tuple[Any, _Line]]:
    for row in tx.session.scalars(select(DeliveryRow).where(DeliveryRow.id.in_(ids))):
        yield row.id, views.delivery_line(row)


def _outbox(tx: Transaction, ids: Sequence[Any]) -> Iterable[tuple[Any, _Line]]:
    for row in tx.session.scalars(select(OutboxRow).where(OutboxRow.id.in_(ids))):
        yield row.id, {"id": row.id, "session_id": str(row.session_id), **views.push_line(row)}
