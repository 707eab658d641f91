"""Where the commands of one connection's deliveries belong: all of a batch found in a few statements."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert

from worker.db.models import ConnectionRow, SessionRow, TicketRow
from worker.db.unit_of_work import Transaction
from worker.domain.requests import Request
from worker.domain.words import TicketKind
from worker.errors import Refusal
from worker.services.filing import Lane, Place


def find_places(
    tx: Transaction, connection: ConnectionRow, requests: Sequence[Request]
) -> list[Place | Refusal]:
    """Return for each request where it belongs, or why it cannot. New tickets get their rows."""
    sessions = _sessions(tx, connection, {request.session for request in requests if request.session})
    tickets = _tickets(tx, connection, [request for request in requests if request.session is None])
    return [
        tickets[_name(request)] if request.session is None else _of_session(sessions, request)
        for request in requests
    ]


def _of_session(sessions: dict[UUID, Place], request: Request) -> Place | Refusal:
    assert request.session is not None  # the caller asks for these alone
    place = sessions.get(request.session)
    if place is None or request.ticket not in (None, place.external_id):
        return Refusal("unknown_session", f"there is no walk session {request.session} here")
    return place


def _sessions(tx: Transaction, connection: ConnectionRow, ids: set[UUID]) -> dict[UUID, Place]:
    """Return the walks that the connection may speak of: of its own tickets, and of internal ones."""
    if not ids:
        return {}
    query = (
        select(SessionRow.id, TicketRow)
        .join(TicketRow, TicketRow.id == SessionRow.ticket_id)
        .where(
            SessionRow.id.in_(ids),
            SessionRow.account_id == connection.account_id,
            or_(TicketRow.connection_id.is_(None), TicketRow.connection_id == connection.id),
        )
    )
    return {session_id: _place(ticket, session_id) for session_id, ticket in tx.session.execute(query)}


def _name(request: Request) -> tuple[str, str]:
    assert request.ticket is not None  # the model asks for a ticket or a session
    return request.ticket_kind.value, request.ticket


def _tickets(
    tx: Transaction, connection: ConnectionRow, requests: Sequence[Request]
) -> dict[tuple[str, str], Place]:
    names = sorted({_name(request) for request in requests})
    if not names:
        return {}
    found = _find(tx, connection, names)
    missing = [name for name in names if name not in found]
    if missing:
        rows = [
            {
                "account_id": connection.account_id,
                "connection_id": connection.id,
                "kind": kind,
                "external_id": external_id,
            }
            for kind, external_id in missing
        ]
        tx.session.execute(insert(TicketRow).values(rows).on_conflict_do_nothing())
        found |= _find(tx, connection, missing)
    return found


def _find(
    tx: Transaction, connection: ConnectionRow, names: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Place]:
    """A PSA's tickets are the connection's; an internal one is the account's, whoever names it."""
    query = select(TicketRow).where(
        TicketRow.account_id == connection.account_id,
        TicketRow.external_id.in_([external_id for _, external_id in names]),
        or_(TicketRow.kind == TicketKind.INTERNAL, TicketRow.connection_id == connection.id),
    )
    rows = {(row.kind, row.external_id): row for row in tx.session.scalars(query)}
    return {name: _place(rows[name], None) for name in names if name in rows}


def _place(ticket: TicketRow, session_id: UUID | None) -> Place:
    return Place(
        lane=Lane(ticket.account_id, ticket.id),
        external_id=ticket.external_id,
        kind=TicketKind(ticket.kind),
        connection_id=ticket.connection_id,
        session_id=session_id,
    )
