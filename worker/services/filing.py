"""File commands: find the ticket they belong to, and give each its key and its place in the order."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from worker.crash_points import Commit
from worker.db.models import CommandRow, SessionRow, TicketRow
from worker.db.unit_of_work import Transaction
from worker.domain.requests import Request
from worker.domain.words import CommandType, TicketKind
from worker.errors import Refusal
from worker.services import lookup, routing
from worker.services.context import Context
from worker.services.hinting import hint_command


@dataclass(frozen=True, slots=True)
class Lane:
    """One ticket of one account: where commands keep their order."""

    account_id: UUID
    ticket_id: UUID


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command belongs. `external_id` and `kind` are the ticket's; shown in Flower."""

    lane: Lane
    external_id: str
    kind: TicketKind
    connection_id: UUID | None
    session_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class NewCommand:
    """A command to file. `key` names what happened, so that what happened twice is filed once."""

    key: str
    type: CommandType
    request: Request
    delivery_id: int | None = None


@dataclass(frozen=True, slots=True)
class Filed:
    """A command that stands in its lane. `repeated`: it stood there before."""

    command_id: int
    lane: Lane
    repeated: bool = False


def file_request(
    context: Context, command: NewCommand, *, account_id: UUID | None = None, wake: bool = True
) -> Filed:
    """File one command in a transaction of its own, in the account that its request names unless told.

    `wake`: unless the caller carries it out at once.
    """
    account_id = account_id or account_of_request(context, command.request)
    with context.uow.begin(account_id, at=Commit.FILING) as tx:
        return file(tx, find_place(tx, command.request), [command], wake=wake)[0]


def account_of_request(context: Context, request: Request) -> UUID:
    """Return the account that a request belongs to: of the first thing it names.

    What else it names is looked for in that account only, where another account's is unknown.
    """
    if request.account is not None:
        return routing.account_named(context, request.account)
    if request.connection is not None:
        return routing.account_of_connection(context, request.connection)
    if request.session is None:
        raise Refusal("invalid", "say which connection or which account the ticket is of")
    account_id = routing.find_account(context, SessionRow, request.session)
    if account_id is None:
        raise _unknown_session(request.session)
    return account_id


def find_place(tx: Transaction, request: Request) -> Place:
    """Return where a request of this account belongs; a ticket seen for the first time gets its row."""
    if request.session is not None:
        return _place_of_session(tx, request)
    return _place_of_ticket(tx, request)


def file(tx: Transaction, place: Place, commands: Sequence[NewCommand], *, wake: bool = True) -> list[Filed]:
    """File commands of one ticket in the given order. A key that stands already is not filed again.

    Refuses a key that another command has.
    """
    filed = []
    for entry in file_all(tx, [(place, command) for command in commands], wake=wake):
        if isinstance(entry, Refusal):
            raise entry
        filed.append(entry)
    return filed


def file_all(
    tx: Transaction, commands: Sequence[tuple[Place, NewCommand]], *, wake: bool = True
) -> list[Filed | Refusal]:
    """File commands of many tickets in a few statements; those of one ticket keep the given order."""
    if not commands:
        return []
    positions = _take_positions(tx, Counter(place.lane.ticket_id for place, _ in commands))
    rows = [_values(place, command, next(positions[place.lane.ticket_id])) for place, command in commands]
    statement = insert(CommandRow).values(rows).on_conflict_do_nothing()
    returned = tx.session.execute(statement.returning(CommandRow.account_id, CommandRow.key, CommandRow.id))
    new = {(account_id, key): command_id for account_id, key, command_id in returned}
    filed: list[Filed | Refusal] = []
    for place, command in commands:
        # of two equal keys in one batch the first is the new one
        command_id = new.pop((place.lane.account_id, command.key), None)
        filed.append(_standing(tx, place, command) if command_id is None else Filed(command_id, place.lane))
        if wake and command_id is not None:
            _wake(tx, place, command.type, command_id)
    return filed


def _take_positions(tx: Transaction, counts: Mapping[UUID, int]) -> dict[UUID, Iterator[int]]:
    """Return the next places of each ticket.

    The tickets' row locks make positions visible in the order of their commits; a sequence would let a later
    place be seen before an earlier one. Taken in the order of ids, so that nobody waits in a ring.
    """
    positions = {}
    query = select(TicketRow.id, TicketRow.next_position).where(TicketRow.id.in_(counts))
    locked = tx.session.execute(query.order_by(TicketRow.id).with_for_update()).all()
    tx.session.execute(
        update(TicketRow),
        [{"id": ticket_id, "next_position": first + counts[ticket_id]} for ticket_id, first in locked],
    )
    for ticket_id, first in locked:
        positions[ticket_id] = iter(range(first, first + counts[ticket_id]))
    return positions


def _wake(tx: Transaction, place: Place, command_type: CommandType, command_id: int) -> None:
    hint_command(
        tx,
        command_id,
        command_type,
        account_id=place.lane.account_id,
        ticket=place.external_id,
        session_id=place.session_id,
        wakes_lane=f"ticket:{place.lane.ticket_id}",
    )


def _values(place: Place, command: NewCommand, position: int) -> dict[str, object]:
    return {
        "account_id": place.lane.account_id,
        "ticket_id": place.lane.ticket_id,
        "position": position,
        "key": command.key,
        "type": command.type.value,
        "session_id": place.session_id,
        "connection_id": place.connection_id,
        "payload": command.request.payload(),
        "sequence": command.request.sequence,
        "delivery_id": command.delivery_id,
    }


def _standing(tx: Transaction, place: Place, command: NewCommand) -> Filed | Refusal:
    query = select(CommandRow.id, CommandRow.type, CommandRow.ticket_id).where(
        CommandRow.account_id == place.lane.account_id, CommandRow.key == command.key
    )
    command_id, command_type, ticket_id = tx.session.execute(query).one()
    if (command_type, ticket_id) != (command.type.value, place.lane.ticket_id):
        return Refusal(
            "key_taken", f"the key is taken by command {command_id} ({command_type}); use another key"
        )
    return Filed(command_id, place.lane, repeated=True)


def _place_of_session(tx: Transaction, request: Request) -> Place:
    query = (
        select(SessionRow.id, TicketRow)
        .join(TicketRow, TicketRow.id == SessionRow.ticket_id)
        .where(SessionRow.account_id == tx.account_id, SessionRow.id == request.session)
    )
    found = tx.session.execute(query).one_or_none()
    if found is None or not _agrees(tx, request, found[1]):
        raise _unknown_session(request.session)
    session_id, ticket = found
    return Place(
        lane=Lane(tx.account_id, ticket.id),
        external_id=ticket.external_id,
        kind=TicketKind(ticket.kind),
        connection_id=ticket.connection_id,
        session_id=session_id,
    )


def _unknown_session(session_id: UUID | None) -> Refusal:
    return Refusal("unknown_session", f"there is no walk session {session_id} here")


def _agrees(tx: Transaction, request: Request, ticket: TicketRow) -> bool:
    """Return whether the connection and ticket that came along are the session's own."""
    if request.connection is not None:
        connection = lookup.connection(tx, request.connection)
        if ticket.connection_id not in (None, connection.id):
            return False
    return request.ticket is None or request.ticket == ticket.external_id


def _place_of_ticket(tx: Transaction, request: Request) -> Place:
    assert request.ticket is not None  # the model asks for a ticket or a session
    connection_id = lookup.connection(tx, request.connection).id if request.connection else None
    if request.ticket_kind is TicketKind.PSA and connection_id is None:
        raise Refusal(
            "invalid", "a PSA ticket needs its connection; an internal one says ticket_kind internal"
        )
    ticket_id = _ticket_id(tx, request, connection_id)
    return Place(
        lane=Lane(tx.account_id, ticket_id),
        external_id=request.ticket,
        kind=request.ticket_kind,
        connection_id=connection_id,
    )


def _ticket_id(tx: Transaction, request: Request, connection_id: UUID | None) -> UUID:
    tx.session.execute(
        insert(TicketRow)
        .values(
            account_id=tx.account_id,
            connection_id=connection_id,
            kind=request.ticket_kind.value,
            external_id=request.ticket,
        )
        .on_conflict_do_nothing()
    )
    query = select(TicketRow.id).where(
        TicketRow.account_id == tx.account_id,
        TicketRow.kind == request.ticket_kind.value,
        TicketRow.external_id == request.ticket,
    )
    if request.ticket_kind is TicketKind.PSA:
        query = query.where(TicketRow.connection_id == connection_id)
    return tx.session.scalars(query).one()
