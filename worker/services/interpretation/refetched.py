"""A PSA's webhook is only a hint: ask the PSA what the ticket is now, and file what that means."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select

from integrations.ports import PsaClient, PsaNote, PsaTicket
from worker.db.models import CommandRow, ConnectionRow, SessionRow, TicketRow, UserRow
from worker.db.unit_of_work import Transaction
from worker.domain.marker import marked
from worker.domain.requests import Abandon, AddTicketNotes, Request, StartAdhoc, StartFlow
from worker.domain.text import made_storable
from worker.domain.triggers import Rule, TicketFacts, parse_rules
from worker.domain.words import (
    CommandState,
    CommandType,
    DeliveryState,
    SessionKind,
    SessionStatus,
    TicketKind,
)
from worker.errors import Refusal
from worker.services import lookup
from worker.services.context import Context
from worker.services.filing import NewCommand, Place, file, find_place
from worker.services.interpretation import ticket_changes
from worker.services.interpretation.meaning import Meaning
from worker.services.interpretation.typed import NOTHING_TYPED, Typed, newer, standing_notes


@dataclass(frozen=True, slots=True)
class Facts:
    """What the PSA showed. `ticket` is None where it shows no such ticket.

    `said_deleted`: a webhook said that this is so because the ticket was deleted.
    """

    external_id: str
    ticket: PsaTicket | None
    notes: Sequence[PsaNote] = ()
    typed: Typed = NOTHING_TYPED
    said_deleted: bool = False

    @property
    def version(self) -> str | None:
        """The ticket's version as a reconcile lists it; None where the PSA shows none."""
        return self.ticket.version if self.ticket else None


def fetch(
    context: Context,
    connection: ConnectionRow,
    client: PsaClient,
    external_id: str,
    *,
    said_deleted: bool = False,
) -> Facts:
    """Ask the PSA for the ticket and the notes since the ticket's cursor. Raises the client's CallErrors."""
    with context.uow.begin(connection.account_id) as tx:
        row = _ticket_row(tx, connection, external_id)
        cursor = row.note_cursor if row else None
        typed = standing_notes(tx, row) if row else NOTHING_TYPED
    ticket = client.ticket(external_id)
    if ticket is None:
        return Facts(external_id, None, said_deleted=said_deleted)
    if not typed.standing:
        return Facts(external_id, ticket, client.notes(external_id, after_id=cursor))
    # what was typed before may have been changed or deleted since: all of them are looked at
    listed = client.notes(external_id)
    return Facts(external_id, ticket, newer(listed, cursor, typed), replace(typed, listed=listed))


def file_facts(tx: Transaction, connection: ConnectionRow, facts: Facts) -> Meaning:
    """File the commands that the ticket's present state calls for.

    The ticket's lock keeps its walk from starting or ending between the look and the filing.
    """
    row = _ticket_row(tx, connection, facts.external_id, lock=True)
    sessions = _sessions(tx, row) if row else []
    active = next((session for session in sessions if session.status == SessionStatus.ACTIVE), None)
    if facts.ticket is None:
        return _gone(tx, connection, facts, active)
    if row is not None and active is not None:
        return _go_on(tx, connection, facts, row, active)
    if row is not None:
        ticket_changes.remember(row, facts.ticket)
    if sessions:
        return Meaning(DeliveryState.IGNORED, "the ticket's walk is over")
    if facts.ticket.closed:
        return Meaning(DeliveryState.IGNORED, "the ticket is closed")
    return _start(tx, connection, facts, facts.ticket)


def _start(tx: Transaction, connection: ConnectionRow, facts: Facts, ticket: PsaTicket) -> Meaning:
    """The first rule that fits starts a walk, once per ticket."""
    rule = parse_rules(connection.rules).first_fit(_facts(ticket))
    if rule is None:
        return Meaning(DeliveryState.IGNORED, "no rule of the connection fits the ticket")
    if rule.start == "ignore":
        return Meaning(DeliveryState.IGNORED, "a rule of the connection says to ignore the ticket")
    user = _technician(tx, connection, ticket, rule)
    if user is None:
        return Meaning(
            DeliveryState.IGNORED,
            "nobody to walk it: the ticket's assignee is no user of the account, and the rule names none",
        )
    command_type, request = _start_request(connection, facts, rule, user)
    place = find_place(tx, request)
    _remember(tx, place, ticket, facts.notes)
    start = file(tx, place, [NewCommand(_key(connection, facts, "start"), command_type, request)])
    if not start[0].repeated:
        return Meaning(DeliveryState.INTERPRETED, commands=1)
    return _start_again(tx, connection, facts, place, start[0].command_id)


def _start_request(
    connection: ConnectionRow, facts: Facts, rule: Rule, user: UserRow
) -> tuple[CommandType, Request]:
    address = {"connection": str(connection.id), "ticket": facts.external_id, "user": str(user.id)}
    if rule.flow is not None:
        return CommandType.START_FLOW, StartFlow(**address, flow=rule.flow)
    return CommandType.START_ADHOC, StartAdhoc(**address)


def _start_again(
    tx: Transaction, connection: ConnectionRow, facts: Facts, place: Place, command_id: int
) -> Meaning:
    """The start was filed before: it is about to be applied, or it was refused and needs a person."""
    standing = tx.session.get_one(CommandRow, command_id)
    if standing.state == CommandState.APPLIED:
        return file_facts(tx, connection, facts)  # applied meanwhile: now there is a walk
    if standing.state != CommandState.PENDING:
        return Meaning(
            DeliveryState.IGNORED,
            f"the start was {standing.state} ({standing.reason}); "
            f"mend that, then: ticketwalk command replay {standing.id}",
        )
    if standing.type == CommandType.START_ADHOC:
        # notes typed meanwhile are the walk's, and come after its start
        return _filed(tx, place, _typed_notes(connection, facts))
    return Meaning(DeliveryState.IGNORED, "the ticket's walk is about to start")


def _go_on(
    tx: Transaction, connection: ConnectionRow, facts: Facts, row: TicketRow, session: SessionRow
) -> Meaning:
    """Notes that people typed in the ticket belong to the ad-hoc walk of it; what became of it may end it."""
    assert facts.ticket is not None  # a ticket that is gone does not go on
    place = find_place(tx, Request(session=session.id))
    # before anything of it is remembered
    if facts.typed.listed is not None and standing_notes(tx, row).standing != facts.typed.standing:
        return Meaning(DeliveryState.PENDING, "the walk's notes changed while the PSA was asked")
    noticed = ticket_changes.notice(tx, connection, row, facts.ticket, session)
    _remember(tx, place, facts.ticket, facts.notes)
    commands: list[NewCommand] = []
    if session.kind == SessionKind.ADHOC:
        commands = [*_changed_notes(connection, facts), *_typed_notes(connection, facts)]
    if noticed is not None and noticed.ends_walk:
        request = Abandon(session=session.id, reason=noticed.sentence)
        key = _key(connection, facts, f"{noticed.change}:{session.id}")
        commands.append(NewCommand(key, CommandType.ABANDON, request))
    if noticed is not None and not commands:
        return Meaning(DeliveryState.IGNORED, f"{noticed.sentence}; the walk goes on")
    return _filed(tx, place, commands)


def _typed_notes(connection: ConnectionRow, facts: Facts) -> list[NewCommand]:
    """Return a command per note that a person of the MSP typed; our own and customers' are left out."""
    return [
        NewCommand(
            f"{connection.provider}:{connection.id}:note:{note.note_id}",
            CommandType.ADD_TICKET_NOTES,
            AddTicketNotes(connection=str(connection.id), ticket=facts.external_id, notes=[_note(note)]),
        )
        for note in facts.notes
        if note.author and not note.own and not marked(note.text)
    ]


def _changed_notes(connection: ConnectionRow, facts: Facts) -> list[NewCommand]:
    """Return a command that puts newer wordings in and marks deleted notes; none where nothing changed."""
    changes = facts.typed.changes()
    if not changes:
        return []
    key = _key(connection, facts, f"notes:{facts.typed.digest(changes)}")
    request = AddTicketNotes(connection=str(connection.id), ticket=facts.external_id, notes=changes)
    return [NewCommand(key, CommandType.ADD_TICKET_NOTES, request)]


def _gone(tx: Transaction, connection: ConnectionRow, facts: Facts, session: SessionRow | None) -> Meaning:
    """Only who says that the ticket was deleted ends its walk: a PSA also hides what we may not see."""
    if session is None:
        return Meaning(DeliveryState.IGNORED, "the PSA has no such ticket")
    if not facts.said_deleted:
        sentence = ticket_changes.lose_sight(tx, session)
        return Meaning(DeliveryState.IGNORED, f"{sentence}; the walk goes on")
    request = Abandon(session=session.id, reason="the ticket was deleted in the PSA")
    command = NewCommand(_key(connection, facts, f"gone:{session.id}"), CommandType.ABANDON, request)
    return _filed(tx, find_place(tx, request), [command])


def _filed(tx: Transaction, place: Place, commands: Sequence[NewCommand]) -> Meaning:
    if not commands:
        return Meaning(DeliveryState.IGNORED, "nothing new for the walk")
    filed = file(tx, place, commands)
    return Meaning(DeliveryState.INTERPRETED, commands=sum(not entry.repeated for entry in filed))


def _technician(tx: Transaction, connection: ConnectionRow, ticket: PsaTicket, rule: Rule) -> UserRow | None:
    if ticket.assigned_to:
        user = lookup.member(tx, made_storable(ticket.assigned_to), account_id=connection.account_id)
        if user is not None:
            return user
    if rule.user is None:
        return None
    try:
        return lookup.user(tx, rule.user, account_id=connection.account_id)
    except Refusal:
        return None


def _remember(tx: Transaction, place: Place, ticket: PsaTicket, notes: Sequence[PsaNote]) -> None:
    """Keep the ticket's title for the summary, and how far its notes were read."""
    row = tx.session.get_one(TicketRow, place.lane.ticket_id)
    row.summary = made_storable(ticket.summary)
    ticket_changes.remember(row, ticket)
    if notes:
        row.note_cursor = notes[-1].note_id


def _note(note: PsaNote) -> dict[str, object]:
    return {
        "psa_note_id": note.note_id,
        "author": made_storable(note.author or ""),
        "text": made_storable(note.text),
        "at": note.created_at.isoformat() if note.created_at else None,
    }


def _facts(ticket: PsaTicket) -> TicketFacts:
    names = ("board", "type", "priority", "status", "summary", "company")
    return TicketFacts(**{name: getattr(ticket, name) for name in names})


def _key(connection: ConnectionRow, facts: Facts, what: str) -> str:
    return f"{connection.provider}:{connection.id}:ticket:{facts.external_id}:{what}"


def _ticket_row(
    tx: Transaction, connection: ConnectionRow, external_id: str, *, lock: bool = False
) -> TicketRow | None:
    query = select(TicketRow).where(
        TicketRow.connection_id == connection.id,
        TicketRow.external_id == external_id,
        TicketRow.kind == TicketKind.PSA,  # an internal ticket may bear the same id
    )
    return tx.session.scalars(query.with_for_update() if lock else query).one_or_none()


def _sessions(tx: Transaction, ticket: TicketRow) -> Sequence[SessionRow]:
    return tx.session.scalars(select(SessionRow).where(SessionRow.ticket_id == ticket.id)).all()
