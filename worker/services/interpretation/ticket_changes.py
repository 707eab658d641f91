"""A ticket that is closed, merged, given to somebody else or hidden in the PSA while it is walked.

The connection's rules say what is done: nothing, an audit row that `walk show` has, or the walk's end. What
the PSA showed last stands on the ticket's row, so each change is noticed once, however often it is shown. A
ticket that is not shown any more ends no walk, whatever the rules say.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import or_, select

from integrations.ports import PsaTicket
from worker.db.models import AuditRow, ConnectionRow, OutboxRow, SessionRow, TicketRow, UserRow
from worker.db.unit_of_work import Transaction
from worker.domain.text import made_storable
from worker.domain.triggers import Reaction, Rules, parse_rules
from worker.domain.words import OutboxKind, OutboxState


class Change(StrEnum):
    """What happened to the ticket."""

    CLOSED = "closed"
    MERGED = "merged"
    REASSIGNED = "reassigned"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Noticed:
    """A change that the rules do not ignore."""

    change: Change
    sentence: str
    ends_walk: bool


def remember(row: TicketRow, ticket: PsaTicket) -> None:
    """Keep what the PSA shows now, to know the next change by."""
    row.psa_closed = ticket.closed
    row.psa_assigned_to = made_storable(ticket.assigned_to) if ticket.assigned_to else None


def notice(
    tx: Transaction, connection: ConnectionRow, row: TicketRow, ticket: PsaTicket, session: SessionRow
) -> Noticed | None:
    """Return what happened since the last look, once, and note it. Needs the ticket's lock."""
    change = _change(tx, row, ticket, session)
    if change is None:
        return None
    reaction = _reaction(parse_rules(connection.rules), change)
    if reaction == "ignore":
        return None
    if reaction == "flag":
        _flag(tx, session, change, _detail(change, ticket))
    return Noticed(change, _SENTENCES[change], ends_walk=reaction == "abandon")


def lose_sight(tx: Transaction, session: SessionRow) -> str:
    """Note once that the PSA does not show the walk's ticket, though nobody said that it was deleted.

    It may have gone to a team that the connection's user does not see, or the user may have lost a right.
    Return the sentence. Needs the ticket's lock.
    """
    if not _is_flagged(tx, session, Change.UNSEEN):
        _flag(tx, session, Change.UNSEEN, {})
    return _SENTENCES[Change.UNSEEN]


_SENTENCES = {
    Change.CLOSED: "the ticket was closed in the PSA",
    Change.MERGED: "the ticket was merged into another in the PSA",
    Change.REASSIGNED: "the ticket was given to somebody else in the PSA",
    Change.UNSEEN: "the PSA does not show the ticket, and no webhook said that it was deleted",
}


def _change(tx: Transaction, row: TicketRow, ticket: PsaTicket, session: SessionRow) -> Change | None:
    if ticket.merged_into is not None:
        return None if _is_flagged(tx, session, Change.MERGED) else Change.MERGED
    if ticket.closed and not row.psa_closed and not _is_our_doing(tx, row, ticket, session):
        return None if _is_flagged(tx, session, Change.CLOSED) else Change.CLOSED
    return Change.REASSIGNED if _is_given_away(tx, row, ticket, session) else None


def _is_our_doing(tx: Transaction, row: TicketRow, ticket: PsaTicket, session: SessionRow) -> bool:
    """Whether an earlier walk's end has set this status, while this walk was under way already."""
    query = select(OutboxRow.content).where(
        OutboxRow.ticket_id == row.id,
        OutboxRow.kind == OutboxKind.STATUS,
        or_(
            OutboxRow.state.in_((OutboxState.SENDING, OutboxState.UNKNOWN)),
            OutboxRow.sent_at >= session.started_at,
        ),
    )
    statuses = (str(content["status"]) for content in tx.session.scalars(query))
    return any(status.strip().casefold() == ticket.status.casefold() for status in statuses)


def _is_given_away(tx: Transaction, row: TicketRow, ticket: PsaTicket, session: SessionRow) -> bool:
    """Whether another than before has it now, who is not the one that walks it."""
    if row.psa_closed is None:
        return False  # the first look: nobody knows who had it before
    now = made_storable(ticket.assigned_to or "").casefold()
    if now == (row.psa_assigned_to or "").casefold():
        return False
    walker = tx.session.get_one(UserRow, session.user_id).psa_member_id
    return walker is None or now != walker.casefold()


def _reaction(rules: Rules, change: Change) -> Reaction:
    return {
        Change.CLOSED: rules.on_psa_close,
        Change.MERGED: rules.on_psa_merge,
        Change.REASSIGNED: rules.on_psa_reassign,
    }[change]


def _is_flagged(tx: Transaction, session: SessionRow, change: Change) -> bool:
    query = select(AuditRow.id).where(AuditRow.session_id == session.id, AuditRow.action == _action(change))
    return tx.session.scalars(query.limit(1)).one_or_none() is not None


def _detail(change: Change, ticket: PsaTicket) -> dict[str, str]:
    return {
        Change.CLOSED: {"status": made_storable(ticket.status)},
        Change.MERGED: {"into": made_storable(ticket.merged_into or "")},
        Change.REASSIGNED: {"to": made_storable(ticket.assigned_to or "")},
    }[change]


def _flag(tx: Transaction, session: SessionRow, change: Change, detail: dict[str, str]) -> None:
    tx.session.add(
        AuditRow(
            account_id=session.account_id,
            session_id=session.id,
            action=_action(change),
            detail=detail,
            at=tx.now,
        )
    )


def _action(change: Change) -> str:
    return f"ticket.{change}"
