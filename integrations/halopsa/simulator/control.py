"""`/_simulator/`: act as a technician, look inside, change how webhooks are sent."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from integrations.halopsa.simulator.access import Access
from integrations.halopsa.simulator.bodies import ActionBody, TicketBody
from integrations.halopsa.simulator.deliveries import Deliveries
from integrations.halopsa.simulator.directory import (
    AGENTS,
    FIRST_USER_EMAIL,
    JDOE,
    PRIVATE_NOTE,
    STATUSES,
    TEAMS,
)
from integrations.halopsa.simulator.errors import missing
from integrations.halopsa.simulator.payloads import Payload
from integrations.halopsa.simulator.records import Action, Agent, Named, Ticket
from integrations.halopsa.simulator.world import World, Writer
from integrations.simulation.faults import FaultBook
from integrations.simulation.rate_limit import RateLimit
from integrations.simulation.traffic import CONTROL_PREFIX, RequestLog

#: An agent's number, which is how HaloPSA names a member; a login name is understood too.
TECHNICIAN = str(JDOE.id)


class _Act(BaseModel):
    model_config = ConfigDict(extra="forbid")

    member: str = TECHNICIAN


class NewTicket(_Act):
    """A ticket by names. A board is a team."""

    summary: str
    board: str = TEAMS[0].name
    status: str | None = None
    type: str | None = None
    priority: str | None = None
    company: str | None = None
    assigned_to: str | None = None


class NewNote(_Act):
    """A note by a technician, or by a customer where `contact` is named."""

    text: str
    contact: str | None = None


class NewText(_Act):
    text: str


class NewStatus(_Act):
    status: str


class Assignment(_Act):
    assigned_to: str


class Merge(_Act):
    into: int


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

    def edit_note(self, ticket_id: int, action_id: int, new: NewText) -> dict[str, Any]:
        body = ActionBody(id=action_id, ticket_id=ticket_id, note=new.text)
        return self._world.write_action(body, _writer(new)).as_json()

    def delete_note(self, ticket_id: int, action_id: int, member: str) -> None:
        self._world.delete_action(ticket_id, action_id, Writer(agent(member)))

    def set_status(self, ticket_id: int, new: NewStatus) -> dict[str, Any]:
        body = TicketBody(id=ticket_id, status_id=_named(STATUSES, new.status).id)
        return self._world.change_ticket(body, _writer(new)).as_json(details=True)

    def assign(self, ticket_id: int, new: Assignment) -> dict[str, Any]:
        body = TicketBody(id=ticket_id, agent_id=agent(new.assigned_to).id)
        return self._world.change_ticket(body, _writer(new)).as_json(details=True)

    def merge(self, ticket_id: int, new: Merge) -> dict[str, Any]:
        self._world.merge_ticket(ticket_id, new.into, _writer(new))
        return self._world.ticket(ticket_id).as_json(details=True)

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
    world: World,
    access: Access,
    deliveries: Deliveries,
    limit: RateLimit,
    faults: FaultBook,
    log: RequestLog,
) -> APIRouter:
    router = APIRouter(prefix=CONTROL_PREFIX)
    _add_technician(router, world)
    _add_views(router, world, deliveries)

    @router.post("/settings")
    def change_settings(sending: Sending) -> dict[str, Any]:
        for name, value in sending.model_dump(exclude_none=True).items():
            setattr(deliveries.settings, name, value)
        return sending.model_dump()

    @router.post("/revoke-tokens", status_code=204)
    def revoke_tokens() -> None:
        access.revoke_all()

    @router.post("/reset", status_code=204)
    def reset() -> None:
        world.reset()
        deliveries.clear()
        limit.allow(None)
        faults.clear()
        log.clear()

    return router


def state_of(world: World) -> dict[str, Any]:
    """Every record, each ticket with its actions."""
    tickets = [_with_actions(world, ticket) for ticket in world.all_tickets()]
    return {"tickets": tickets, "webhooks": [w.as_json(details=True) for w in world.webhooks.values()]}


def _with_actions(world: World, ticket: Ticket) -> dict[str, Any]:
    actions: list[Action] = world.actions(ticket.id)
    return {**ticket.as_json(details=True), "actions": [action.as_json() for action in actions]}


def _add_technician(router: APIRouter, world: World) -> None:
    technician = Technician(world)
    router.post("/tickets", status_code=201)(technician.create_ticket)
    router.post("/tickets/{ticket_id}/notes", status_code=201)(technician.add_note)
    router.post("/tickets/{ticket_id}/notes/{action_id}")(technician.edit_note)
    router.post("/tickets/{ticket_id}/status")(technician.set_status)
    router.post("/tickets/{ticket_id}/assign")(technician.assign)
    router.post("/tickets/{ticket_id}/merge")(technician.merge)

    @router.delete("/tickets/{ticket_id}", status_code=204)
    def delete_ticket(ticket_id: int) -> None:
        world.delete_ticket(ticket_id)


def _add_views(router: APIRouter, world: World, deliveries: Deliveries) -> None:
    @router.get("/state")
    def state() -> dict[str, Any]:
        return state_of(world)

    @router.get("/deliveries")
    def list_deliveries() -> list[dict[str, Any]]:
        return deliveries.as_json()


def _writer(act: _Act) -> Writer:
    return Writer(agent(act.member))


def _named(records: tuple[Named, ...], name: str) -> Named:
    for record in records:
        if record.name.casefold() == name.casefold():
            return record
    raise missing("Record", name)
