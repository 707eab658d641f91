"""`/_simulator/`: act as a technician, look inside, change how callbacks are sent."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from integrations.connectwise.simulator.bodies import NoteBody, Reference, TicketBody
from integrations.connectwise.simulator.callbacks import Callbacks
from integrations.connectwise.simulator.directory import BOARDS
from integrations.connectwise.simulator.world import World
from integrations.simulation.faults import FaultBook
from integrations.simulation.rate_limit import RateLimit
from integrations.simulation.traffic import CONTROL_PREFIX, RequestLog

TECHNICIAN = "jdoe"


class _Act(BaseModel):
    model_config = ConfigDict(extra="forbid")

    member: str = TECHNICIAN


class NewTicket(_Act):
    """A ticket by names."""

    summary: str
    board: str = BOARDS[0].name
    status: str | None = None
    type: str | None = None
    priority: str | None = None
    company: str | None = None
    assigned_to: str | None = None


class NewNote(_Act):
    """A note by a technician, or by a customer where `contact` is named."""

    text: str
    contact: str | None = None
    internal: bool = True


class NewStatus(_Act):
    status: str


class Assignment(_Act):
    assigned_to: str


class NewText(_Act):
    """What a note says from now on."""

    text: str


class Merge(_Act):
    """The ticket that takes this one's place."""

    into: int


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

    def merge(self, ticket_id: int, merge: Merge) -> None:
        self._world.merge_ticket(ticket_id, merge.into, merge.member)


def control_router(
    world: World, callbacks: Callbacks, faults: FaultBook, log: RequestLog, limit: RateLimit
) -> APIRouter:
    router = APIRouter(prefix=CONTROL_PREFIX)
    _add_technician(router, world)
    _add_views(router, world, callbacks)

    @router.post("/settings")
    def change_settings(sending: Sending) -> dict[str, Any]:
        for name, value in sending.model_dump(exclude_none=True).items():
            setattr(callbacks.settings, name, tuple(value) if isinstance(value, list) else value)
        return sending.model_dump()

    @router.post("/rotate-key", status_code=204)
    def rotate_key() -> None:
        world.rotate_key()

    @router.post("/reset", status_code=204)
    def reset() -> None:
        world.reset()
        callbacks.clear()
        faults.clear()
        log.clear()
        limit.allow(None)

    return router


def state_of(world: World) -> dict[str, Any]:
    """Every record, each ticket with its notes."""
    return {
        "tickets": [{**ticket, "notes": world.notes(ticket["id"])} for ticket in world.tickets()],
        "time_entries": world.time_entries(),
        "callbacks": [callback.as_json() for callback in world.callbacks.values()],
    }


def _add_technician(router: APIRouter, world: World) -> None:
    technician = Technician(world)
    router.post("/tickets", status_code=201)(technician.create_ticket)
    router.post("/tickets/{ticket_id}/notes", status_code=201)(technician.add_note)
    router.post("/tickets/{ticket_id}/status")(technician.set_status)
    router.post("/tickets/{ticket_id}/assign")(technician.assign)
    router.post("/tickets/{ticket_id}/notes/{note_id}")(technician.edit_note)
    router.post("/tickets/{ticket_id}/merge", status_code=204)(technician.merge)

    @router.delete("/tickets/{ticket_id}", status_code=204)
    def delete_ticket(ticket_id: int, member: str = TECHNICIAN) -> None:
        world.delete_ticket(ticket_id, member)


def _add_views(router: APIRouter, world: World, callbacks: Callbacks) -> None:
    @router.get("/state")
    def state() -> dict[str, Any]:
        return state_of(world)

    @router.get("/deliveries")
    def deliveries() -> list[dict[str, Any]]:
        return callbacks.as_json()


def _named(name: str | None) -> Reference | None:
    return Reference(name=name) if name else None
