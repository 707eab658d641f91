"""The simulated HaloPSA: its records, and one announcement for every event."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from integrations.halopsa.markup import to_html
from integrations.halopsa.simulator.bodies import ActionBody, TicketBody
from integrations.halopsa.simulator.directory import (
    AGENTS,
    API_AGENT,
    API_OUTCOMES,
    API_TEAMS,
    APPLICATION,
    OUTCOMES,
    PRIVATE_NOTE,
    STATUSES,
    TEAMS,
    UNASSIGNED,
    EventNumber,
    find,
    numbered,
)
from integrations.halopsa.simulator.errors import BAD_REQUEST, RefusedError, missing
from integrations.halopsa.simulator.records import CLOSED_STATUS_ID, Action, Agent, Named, Ticket, Webhook

FIRST_TICKET_ID = 10_233
NO_OUTCOME = "An Outcome must be entered for this Action"
NO_ACCESS = "You do not have access to this Action at the moment"

#: Called with the event, the ticket's id, its JSON with details (None once deleted) and the newest action's.
Announce = Callable[[EventNumber, int, dict[str, Any] | None, dict[str, Any] | None], None]


@dataclass(frozen=True, slots=True)
class Writer:
    """Who does something: an agent or a customer, through an application or HaloPSA's own screens."""

    agent: Agent | None = None
    user: str | None = None
    application: str | None = None


API_WRITER = Writer(API_AGENT, application=APPLICATION)


class World:
    """All records. Every method is one step under a lock; events are announced outside of it."""

    def __init__(self) -> None:
        self.announce: Announce = lambda *_: None
        self.lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget every record but those of the directory."""
        with self.lock:
            self._tickets: dict[int, Ticket] = {}
            self._actions: dict[int, list[Action]] = {}
            self._names: dict[tuple[str, str], Named] = {}
            self.webhooks: dict[str, Webhook] = {}
            self._ticket_ids, self._ids = count(FIRST_TICKET_ID), count(1)

    def next_id(self) -> int:
        with self.lock:
            return next(self._ids)

    def visible(self) -> list[Ticket]:
        """Return the tickets of the teams that the API agent belongs to."""
        with self.lock:
            return [ticket for ticket in self._tickets.values() if ticket.team.id in API_TEAMS]

    def visible_ticket(self, ticket_id: int) -> Ticket:
        ticket = self.ticket(ticket_id)
        if ticket.team.id not in API_TEAMS:
            raise missing("Ticket", ticket_id)
        return ticket

    def all_tickets(self) -> list[Ticket]:
        with self.lock:
            return list(self._tickets.values())

    def ticket(self, ticket_id: int) -> Ticket:
        with self.lock:
            if ticket_id not in self._tickets:
                raise missing("Ticket", ticket_id)
            return self._tickets[ticket_id]

    def actions(self, ticket_id: int) -> list[Action]:
        """Return the ticket's actions, oldest first."""
        with self.lock:
            return list(self._actions.get(ticket_id, ()))

    def named(self, kind: str, name: str | None) -> Named | None:
        """Types, priorities and clients come into being when they are first named."""
        if not name:
            return None
        with self.lock:
            return self._names.setdefault((kind, name), Named(len(self._names) + 1, name))

    def known(self, kind: str) -> list[Named]:
        with self.lock:
            return [record for (of, _), record in self._names.items() if of == kind]

    def create_ticket(self, body: TicketBody, writer: Writer) -> Ticket:
        if not body.summary:
            raise RefusedError(BAD_REQUEST, "A Summary must be entered")
        now = _now()
        with self.lock:
            ticket = Ticket(
                id=next(self._ticket_ids),
                summary=body.summary,
                status=find(STATUSES, body.status_id or STATUSES[0].id, "Status"),
                team=find(TEAMS, body.team_id or TEAMS[0].id, "Team"),
                agent=find(AGENTS, body.agent_id or UNASSIGNED.id, "Agent"),
                entered_at=now,
                acted_at=now,
                updated_at=now,
                type=numbered(self.known("type"), body.tickettype_id),
                priority=numbered(self.known("priority"), body.priority_id),
                client=numbered(self.known("client"), body.client_id),
            )
            self._tickets[ticket.id] = ticket
            self._log(ticket, writer, "Ticket logged")
        self._happened(EventNumber.NEW_TICKET_LOGGED, ticket)
        return ticket

    def change_ticket(self, body: TicketBody, writer: Writer) -> Ticket:
        """Change what the body names. A changed status and a closing are events of their own."""
        ticket = self.ticket(body.id or 0)
        events = [EventNumber.TICKET_CHANGED]
        with self.lock:
            if body.status_id is not None and body.status_id != ticket.status.id:
                events.append(EventNumber.TICKET_STATUS_CHANGED)
                self._set_status(ticket, find(STATUSES, body.status_id, "Status"))
                if ticket.status.id == CLOSED_STATUS_ID:
                    events.append(EventNumber.CLOSED)
            if body.agent_id is not None:
                ticket.agent = find(AGENTS, body.agent_id, "Agent")
            ticket.summary = body.summary or ticket.summary
            self._log(ticket, writer, "Ticket changed")
        for event in events:
            self._happened(event, ticket)
        return ticket

    def delete_ticket(self, ticket_id: int) -> None:
        ticket = self.ticket(ticket_id)
        with self.lock:
            del self._tickets[ticket.id]
            self._actions.pop(ticket.id, None)
        self.announce(EventNumber.TICKET_DELETED, ticket.id, None, None)

    def merge_ticket(self, ticket_id: int, into: int, writer: Writer) -> None:
        """A merged ticket fires no event of closing (CyberDrain and others noticed it missing)."""
        ticket, survivor = self.ticket(ticket_id), self.ticket(into)
        with self.lock:
            ticket.merged_into = survivor.id
            self._set_status(ticket, find(STATUSES, CLOSED_STATUS_ID, "Status"))
            for changed in (ticket, survivor):
                self._log(changed, writer, f"Ticket {ticket.id} was merged into {survivor.id}")
        for changed in (ticket, survivor):
            self._happened(EventNumber.TICKET_CHANGED, changed)

    def write_action(self, body: ActionBody, writer: Writer) -> Action:
        """Make the action, or change the one that `id` names. Raises HaloPSA's refusals."""
        if body.ticket_id is None:
            raise RefusedError(BAD_REQUEST, "A Ticket must be entered for this Action")
        ticket = self.ticket(body.ticket_id)
        if body.id is not None:
            return self._change_action(ticket, body)
        outcome = _outcome(body)
        if writer.application and outcome.id not in API_OUTCOMES:
            raise RefusedError(BAD_REQUEST, NO_ACCESS)
        with self.lock:
            action = self._add(ticket, self._action(ticket, body, outcome, writer))
            if body.new_status is not None:
                self._set_status(ticket, find(STATUSES, body.new_status, "Status"))
        by_user = writer.agent is None
        self._happened(EventNumber.TICKET_UPDATED_BY_USER if by_user else EventNumber.TICKET_CHANGED, ticket)
        return action

    def _change_action(self, ticket: Ticket, body: ActionBody) -> Action:
        with self.lock:
            action = self._written(ticket, body.id)
            action.html = body.note_html or to_html(body.note or "") or action.html
            ticket.acted_at = ticket.updated_at = _now()
        self._happened(EventNumber.TICKET_CHANGED, ticket)
        return action

    def delete_action(self, ticket_id: int, action_id: int, writer: Writer) -> None:
        ticket = self.ticket(ticket_id)
        with self.lock:
            action = self._written(ticket, action_id)
            self._log(
                ticket, writer, f"Action {action_id} was deleted"
            )  # first, so that no number comes twice
            self._actions[ticket.id].remove(action)
        self._happened(EventNumber.TICKET_CHANGED, ticket)

    def _written(self, ticket: Ticket, action_id: int | None) -> Action:
        action = numbered(self._actions.get(ticket.id, []), action_id)
        if action is None:
            raise missing("Action", action_id)
        return action

    def _action(self, ticket: Ticket, body: ActionBody, outcome: Named, writer: Writer) -> Action:
        """In another agent's name where the body gives both name and number, as timesheets need."""
        agent = writer.agent
        if body.who and body.who_agentid is not None:
            agent = find(AGENTS, body.who_agentid, "Agent")
        return Action(
            id=1 + max((action.id for action in self._actions[ticket.id]), default=0),
            ticket_id=ticket.id,
            outcome_id=outcome.id,
            outcome=outcome.name,
            html=body.note_html or to_html(body.note or ""),
            made_at=_now(),
            agent=agent,
            user=writer.user,
            application=writer.application,
            hidden=bool(body.hiddenfromuser),
            mailed=bool(body.sendemail),
            hours=body.timetaken or 0.0,
            dates={
                "actionarrivaldate": body.actionarrivaldate,
                "actioncompletiondate": body.actioncompletiondate,
            },
        )

    def _log(self, ticket: Ticket, writer: Writer, words: str) -> None:
        """HaloPSA writes a system action for whatever happens to a ticket."""
        self._actions.setdefault(ticket.id, [])
        body = ActionBody(ticket_id=ticket.id, note=words, hiddenfromuser=True)
        action = self._action(ticket, body, PRIVATE_NOTE, writer)
        action.system = True
        self._add(ticket, action)

    def _add(self, ticket: Ticket, action: Action) -> Action:
        self._actions[ticket.id].append(action)
        ticket.acted_at = ticket.updated_at = action.made_at
        return action

    def _set_status(self, ticket: Ticket, status: Named) -> None:
        ticket.status = status
        ticket.closed_at = _now() if status.id == CLOSED_STATUS_ID else None

    def _happened(self, event: EventNumber, ticket: Ticket) -> None:
        with self.lock:
            actions = self._actions.get(ticket.id, [])
            shown = ticket.as_json(details=True)
            newest = actions[-1].as_json() if actions else None
        self.announce(event, ticket.id, shown, newest)


def _outcome(body: ActionBody) -> Named:
    for outcome in OUTCOMES:
        if outcome.id == body.outcome_id or (body.outcome_id is None and outcome.name == body.outcome):
            return outcome
    raise RefusedError(BAD_REQUEST, NO_OUTCOME)


def _now() -> datetime:
    return datetime.now(UTC)
