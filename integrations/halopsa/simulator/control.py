"""`/_simulator/`: act as a technician, look inside, change how webhooks are sent."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from integrations.halopsa.simulator.access import Access
from integrations.halopsa.simulator.bodies import ActionBody, TicketBody
from integrations.halopsa.simulator.deliveries import Deliveries
from integrations.halopsa.simulator.directory import (
    AGENTS,
    FIRST_USER_EMAIL,
    PRIVATE_NOTE,
    STATUSES,
    TEAMS,
)
from integrations.halopsa.simulator.errors import missing
from integrations.halopsa.simulator.payloads import Payload
from integrations.halopsa.simulator.records import Action, Agent, Named, Ticket
from integrations.halopsa.simulator.world import World, Writer
from integrations.simulation import technician
from integrations.simulation.control import psa_router
from integrations.simulation.technician import TECHNICIAN, Act, Assignment, Merge, NewNote, NewStatus, NewText


class NewTicket(technician.NewTicket):
    """A board is a team."""

    board: str = TEAMS[0].name


class Sending(BaseModel):
    """How webhooks are sent from now on; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    on: bool | None = None
    payload: Payload | None = None
    batch: int | None = Field(default=None, ge=1, le=1000)
    timeout_seconds: float | None = Field(default=None, gt=0)


class Technician:
    """What people do in HaloPSA's own screens."""

    def __init__(self, world: World) -> None:
        self._world = world

    def create_ticket(self, new: NewTicket) -> dict[str, Any]:
        body = TicketBody(
            summary=new.summary,
            team_id=_named(TEAMS, new.board).id,
            status_id=_named(STATUSES, new.status).id if new.status else None,
            tickettype_id=self._id("type", new.type),
            priority_id=self._id("priority", new.priority),
            client_id=self._id("client", new.company),
            agent_id=agent(new.assigned_to).id if new.assigned_to else None,
        )
        return self._world.create_ticket(body, _writer(new)).as_json(details=True)

    def add_note(self, ticket_id: int, new: NewNote) -> dict[str, Any]:
        by_user = new.contact is not None
        outcome = FIRST_USER_EMAIL if by_user else PRIVATE_NOTE
        body = ActionBody(
            ticket_id=ticket_id, outcome_id=outcome.id, note=new.text, hiddenfromuser=not by_user
        )
        writer = Writer(user=new.contact) if by_user else _writer(new)
        return self._world.write_action(body, writer).as_json()

    def edit_note(self, ticket_id: int, note_id: int, new: NewText) -> dict[str, Any]:
        body = ActionBody(id=note_id, ticket_id=ticket_id, note=new.text)
        return self._world.write_action(body, _writer(new)).as_json()

    def set_status(self, ticket_id: int, new: NewStatus) -> dict[str, Any]:
        body = TicketBody(id=ticket_id, status_id=_named(STATUSES, new.status).id)
        return self._world.change_ticket(body, _writer(new)).as_json(details=True)

    def assign(self, ticket_id: int, new: Assignment) -> dict[str, Any]:
        body = TicketBody(id=ticket_id, agent_id=agent(new.assigned_to).id)
        return self._world.change_ticket(body, _writer(new)).as_json(details=True)

    def merge(self, ticket_id: int, new: Merge) -> dict[str, Any]:
        self._world.merge_ticket(ticket_id, new.into, _writer(new))
        return self._world.ticket(ticket_id).as_json(details=True)

    def delete_ticket(self, ticket_id: int, member: str = TECHNICIAN) -> None:  # noqa: ARG002 (HaloPSA says nobody)
        self._world.delete_ticket(ticket_id)

    def _id(self, kind: str, name: str | None) -> int | None:
        record = self._world.named(kind, name)
        return record.id if record else None


def agent(member: str) -> Agent:
    """Return the agent of that number or login name."""
    for known in AGENTS:
        if member in {str(known.id), known.login}:
            return known
    raise missing("Agent", member)


def control_router(
    world: World, access: Access, deliveries: Deliveries, reset: Callable[[], None]
) -> APIRouter:
    router = psa_router(Technician(world), deliveries, state=lambda: state_of(world), reset=reset)

    @router.post("/settings")
    def change_settings(sending: Sending) -> dict[str, Any]:
        for name, value in sending.model_dump(exclude_none=True).items():
            setattr(deliveries.settings, name, value)
        return sending.model_dump()

    @router.post("/revoke-tokens", status_code=204)
    def revoke_tokens() -> None:
        access.revoke_all()

    return router


def state_of(world: World) -> dict[str, Any]:
    """Every record, each ticket with its actions."""
    tickets = [_with_actions(world, ticket) for ticket in world.all_tickets()]
    return {"tickets": tickets, "webhooks": [w.as_json(details=True) for w in world.webhooks.values()]}


def _with_actions(world: World, ticket: Ticket) -> dict[str, Any]:
    actions: list[Action] = world.actions(ticket.id)
    return {**ticket.as_json(details=True), "actions": [action.as_json() for action in actions]}


def _writer(act: Act) -> Writer:
    return Writer(agent(act.member))


def _named(records: tuple[Named, ...], name: str) -> Named:
    for record in records:
        if record.name.casefold() == name.casefold():
            return record
    raise missing("Record", name)
