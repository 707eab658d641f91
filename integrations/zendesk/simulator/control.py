"""`/_simulator/`: act as a technician, look inside, change how webhooks are sent."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from integrations.simulation import technician
from integrations.simulation.control import psa_router
from integrations.simulation.technician import TECHNICIAN, Assignment, Merge, NewNote, NewStatus, NewText
from integrations.zendesk.simulator.bodies import CommentBody, TicketChanges
from integrations.zendesk.simulator.deliveries import Deliveries
from integrations.zendesk.simulator.settings import Settings
from integrations.zendesk.simulator.world import World, agent_named, status_named


class NewTicket(technician.NewTicket):
    """There is one group, which stands for the board."""

    status: str = "New"


class Changes(BaseModel):
    """Settings from now on; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    on: bool | None = None
    timeout_seconds: float | None = Field(default=None, gt=0)
    retry_seconds: float | None = Field(default=None, ge=0)
    export_lag_seconds: float | None = Field(default=None, ge=0)


class Technician:
    """What people do in Zendesk's own screens."""

    def __init__(self, world: World) -> None:
        self._world = world

    def create_ticket(self, new: NewTicket) -> dict[str, Any]:
        ticket = self._world.create(
            new.summary,
            agent_named(new.member),
            status=status_named(new.status),
            type=new.type and new.type.lower(),
            priority=new.priority and new.priority.lower(),
            organization=new.company,
            assignee=agent_named(new.assigned_to) if new.assigned_to else None,
        )
        return ticket.as_json()

    def add_note(self, ticket_id: int, new: NewNote) -> dict[str, Any]:
        author = self._world.customer(new.contact) if new.contact else agent_named(new.member)
        comment = CommentBody(body=new.text, public=new.contact is not None)
        added = self._world.update(ticket_id, TicketChanges(comment=comment), author)
        assert added is not None
        return added.as_json()

    def edit_note(self, ticket_id: int, note_id: int, new: NewText) -> None:
        self._world.redact(ticket_id, note_id, new.text, agent_named(new.member))

    def set_status(self, ticket_id: int, new: NewStatus) -> None:
        changes = TicketChanges.model_validate({"status": status_named(new.status)})
        self._world.update(ticket_id, changes, agent_named(new.member))

    def assign(self, ticket_id: int, new: Assignment) -> None:
        self._world.assign(ticket_id, agent_named(new.assigned_to), agent_named(new.member))

    def merge(self, ticket_id: int, new: Merge) -> None:
        self._world.merge(ticket_id, new.into, agent_named(new.member))

    def delete_ticket(self, ticket_id: int, member: str = TECHNICIAN) -> None:
        self._world.delete(ticket_id, agent_named(member))


def control_router(
    world: World, deliveries: Deliveries, settings: Settings, reset: Callable[[], None]
) -> APIRouter:
    router = psa_router(Technician(world), deliveries, state=lambda: state_of(world), reset=reset)

    @router.post("/settings")
    def change_settings(changes: Changes) -> dict[str, Any]:
        for name, value in changes.model_dump(exclude_none=True).items():
            setattr(settings, name, value)
        return changes.model_dump()

    return router


def state_of(world: World) -> dict[str, Any]:
    """Every record, each ticket with its comments; no signing secret."""
    tickets = [
        {**ticket.as_json(), "comments": [comment.as_json() for comment in ticket.comments]}
        for ticket in world.tickets()
    ]
    return {"tickets": tickets, "webhooks": [webhook.as_json() for webhook in world.webhooks.values()]}
