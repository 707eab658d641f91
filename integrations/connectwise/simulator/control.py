"""`/_simulator/`: act as a technician, look inside, change how callbacks are sent."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from integrations.connectwise.simulator.bodies import NoteBody, Reference, TicketBody
from integrations.connectwise.simulator.callbacks import Callbacks
from integrations.connectwise.simulator.directory import BOARDS
from integrations.connectwise.simulator.world import World
from integrations.simulation import technician
from integrations.simulation.control import psa_router
from integrations.simulation.technician import TECHNICIAN, Assignment, Merge, NewStatus, NewText


class NewTicket(technician.NewTicket):
    board: str = BOARDS[0].name


class NewNote(technician.NewNote):
    internal: bool = True


class Sending(BaseModel):
    """How callbacks are sent from now on; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    on: bool | None = None
    copies: int | None = Field(default=None, ge=1, le=100)
    disabled_after_seconds: float | None = Field(default=None, ge=0)
    timeout_seconds: float | None = Field(default=None, gt=0)
    retry_delays_seconds: list[float] | None = None


class Technician:
    """What people do in ConnectWise's own screens."""

    def __init__(self, world: World) -> None:
        self._world = world

    def create_ticket(self, new: NewTicket) -> dict[str, Any]:
        body = TicketBody(
            summary=new.summary,
            board=Reference(name=new.board),
            status=_named(new.status),
            type=_named(new.type),
            priority=_named(new.priority),
            company=_named(new.company),
            owner=Reference(identifier=new.assigned_to) if new.assigned_to else None,
        )
        return self._world.create_ticket(body, new.member)

    def add_note(self, ticket_id: int, new: NewNote) -> dict[str, Any]:
        body = {
            "text": new.text,
            "internalAnalysisFlag": new.internal and not new.contact,
            "detailDescriptionFlag": bool(new.contact) or not new.internal,
            "member": None if new.contact else {"identifier": new.member},
            "contact": {"name": new.contact} if new.contact else None,
        }
        return self._world.add_note(ticket_id, NoteBody.model_validate(body), new.contact or new.member)

    def set_status(self, ticket_id: int, new: NewStatus) -> dict[str, Any]:
        return self._world.change_ticket(ticket_id, new.member, status=Reference(name=new.status))

    def assign(self, ticket_id: int, new: Assignment) -> dict[str, Any]:
        return self._world.change_ticket(ticket_id, new.member, owner=Reference(identifier=new.assigned_to))

    def edit_note(self, ticket_id: int, note_id: int, new: NewText) -> dict[str, Any]:
        return self._world.change_note(ticket_id, note_id, new.text, new.member)

    def merge(self, ticket_id: int, new: Merge) -> None:
        self._world.merge_ticket(ticket_id, new.into, new.member)

    def delete_ticket(self, ticket_id: int, member: str = TECHNICIAN) -> None:
        self._world.delete_ticket(ticket_id, member)


def control_router(world: World, callbacks: Callbacks, reset: Callable[[], None]) -> APIRouter:
    router = psa_router(Technician(world), callbacks, state=lambda: state_of(world), reset=reset)

    @router.post("/settings")
    def change_settings(sending: Sending) -> dict[str, Any]:
        for name, value in sending.model_dump(exclude_none=True).items():
            setattr(callbacks.settings, name, tuple(value) if isinstance(value, list) else value)
        return sending.model_dump()

    @router.post("/rotate-key", status_code=204)
    def rotate_key() -> None:
        world.rotate_key()

    return router


def state_of(world: World) -> dict[str, Any]:
    """Every record, each ticket with its notes."""
    return {
        "tickets": [{**ticket, "notes": world.notes(ticket["id"])} for ticket in world.tickets()],
        "time_entries": world.time_entries(),
        "callbacks": [callback.as_json() for callback in world.callbacks.values()],
    }


def _named(name: str | None) -> Reference | None:
    return Reference(name=name) if name else None
