"""What a command sees: its locked ticket, the walk it is about, and who acts."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select

from worker.db.models import CommandRow, SessionRow, TicketRow, UserRow
from worker.db.unit_of_work import Transaction
from worker.domain.flow import FlowTree
from worker.domain.walk import Walk
from worker.domain.who import acting_as
from worker.domain.words import ActingAs, Outcome, Role, SessionKind, SessionStatus
from worker.errors import Refusal
from worker.services import lookup
from worker.services.context import Context


@dataclass(frozen=True, slots=True)
class Effect:
    """What a command did. `result` is JSON of ids and counts, shown in Flower: no text of people."""

    result: dict[str, Any] = field(default_factory=dict)
    outcome: Outcome = Outcome.APPLIED


@dataclass(slots=True)
class Scene:
    """One turn on one ticket. The ticket's row is locked for as long as the scene lasts."""

    context: Context
    tx: Transaction
    ticket: TicketRow
    trees: dict[UUID, FlowTree] = field(default_factory=dict)
    _users: dict[str, UserRow] = field(default_factory=dict)
    _sessions: dict[UUID, SessionRow] = field(default_factory=dict)
    _active: SessionRow | None = None
    _active_known: bool = False

    def active(self) -> SessionRow | None:
        """Return the ticket's active walk, or None."""
        if self._active_known and (self._active is None or self._active.status == SessionStatus.ACTIVE):
            return self._active
        query = select(SessionRow).where(
            SessionRow.ticket_id == self.ticket.id, SessionRow.status == SessionStatus.ACTIVE
        )
        self._active, self._active_known = self.tx.session.scalars(query).one_or_none(), True
        return self._active

    def began(self, session: SessionRow) -> None:
        """Remember a walk that this turn started."""
        self._active, self._active_known = session, True
        self._sessions[session.id] = session

    def session_of(self, command: CommandRow) -> SessionRow:
        """Return the walk a command is about. Refuses where the ticket has none."""
        if command.session_id is not None:
            return self._by_id(command.session_id)
        session = self.active()
        if session is not None:
            return session
        query = select(SessionRow).where(SessionRow.ticket_id == self.ticket.id)
        last = self.tx.session.scalars(query.order_by(SessionRow.started_at.desc()).limit(1)).one_or_none()
        if last is None:
            raise Refusal("no_walk", f"ticket {self.ticket.external_id} has no walk; start one first")
        return last

    def walk_of_sequence(self, command: CommandRow) -> SessionRow | None:
        """Return the walk whose sequence numbers count for a command; None before it has started."""
        return self._by_id(command.session_id) if command.session_id is not None else self.active()

    def actor(self, name: str | None, session: SessionRow | None = None) -> tuple[UserRow, ActingAs | None]:
        """Return who acts and in whose place: the named user, or the walk's own technician."""
        if name is None:
            assert session is not None  # every start names its user
            name = str(session.user_id)
        if name not in self._users:
            # held here: SQLAlchemy forgets a row that nobody holds, and would read it again for each command
            self._users[name] = lookup.user(self.tx, name, account_id=self.ticket.account_id)
        user = self._users[name]
        return user, acting_as(Role(user.role), can_cover_l1=user.can_cover_l1)

    def _by_id(self, session_id: UUID) -> SessionRow:
        if session_id not in self._sessions:
            self._sessions[session_id] = self.tx.session.get_one(SessionRow, session_id)
        return self._sessions[session_id]


def walk_of(session: SessionRow) -> Walk:
    """Return what the rules look at."""
    return Walk(session.id, SessionKind(session.kind), SessionStatus(session.status))
