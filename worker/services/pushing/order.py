"""The order in which a ticket is told things."""

from sqlalchemy import ColumnElement, and_, exists, or_
from sqlalchemy.orm import aliased

from worker.db.models import OutboxRow
from worker.domain.words import OutboxKind, OutboxState

OPEN = (OutboxState.PENDING.value, OutboxState.SENDING.value, OutboxState.UNKNOWN.value)


def is_held_back() -> ColumnElement[bool]:
    """Whether an earlier entry of the ticket is not settled yet.

    A parked one holds the rest of its own walk: no ticket is closed before its summary stands in it. A parked
    time entry holds nothing: the ticket is told what it must know without it.
    """
    earlier = aliased(OutboxRow)
    parked_of_walk = and_(
        earlier.state == OutboxState.PARKED,
        earlier.session_id == OutboxRow.session_id,
        earlier.kind != OutboxKind.TIME,
    )
    return exists().where(
        earlier.ticket_id == OutboxRow.ticket_id,
        earlier.id < OutboxRow.id,
        or_(earlier.state.in_(OPEN), parked_of_walk),
    )
