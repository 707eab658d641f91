"""`/_simulator/`: act as a technician, look inside, change how callouts are sent and calls are limited."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from integrations.autotask.simulator.bodies import NoteBody, NotePatch
from integrations.autotask.simulator.callouts import Callouts
from integrations.autotask.simulator.limits import Usage
from integrations.autotask.simulator.picklists import NEW, resource
from integrations.autotask.simulator.world import INTERNAL, World
from integrations.simulation import technician
from integrations.simulation.control import psa_router
from integrations.simulation.technician import TECHNICIAN, Assignment, Merge, NewStatus, NewText

DEFAULT_COMPANY = "Acme"
TASK_NOTES = 3
PUBLISH_ALL = 1


class NewTicket(technician.NewTicket):
    board: str = "Help Desk"


class NewNote(technician.NewNote):
    title: str = "Note"
    note_type: int = TASK_NOTES


class Behaviour(BaseModel):
    """How the simulator behaves from now on; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    on: bool | None = None
    copies: int | None = Field(default=None, ge=1, le=100)
    timeout_seconds: float | None = Field(default=None, gt=0)
    retry_delays_seconds: list[float] | None = None
    most_failures: int | None = Field(default=None, ge=1)
    threads: int | None = Field(default=None, ge=1)
    threshold: int | None = Field(default=None, ge=1)
    latency_seconds: float | None = Field(default=None, ge=0)
    requests_by_others: int | None = Field(default=None, ge=0)
    denied: list[str] | None = None


class Technician:
    """What people do in Autotask's own screens."""

    def __init__(self, world: World) -> None:
        self._world = world

    def create_ticket(self, new: NewTicket) -> dict[str, int]:
        lists = self._world.picklists
        values: dict[str, Any] = {
            "title": new.summary,
            "companyID": self._world.company_id(new.company or DEFAULT_COMPANY),
            "queueID": lists.value("queueID", new.board),
            "status": lists.value("status", new.status) if new.status else NEW,
            "priority": lists.value("priority", new.priority or "Medium"),
            "ticketType": lists.value("ticketType", new.type) if new.type else None,
            "assignedResourceID": resource(new.assigned_to).id if new.assigned_to else None,
        }
        known = {name: value for name, value in values.items() if value is not None}
        return {"id": self._world.create_ticket(known, resource(new.member).id)}

    def add_note(self, ticket_id: int, new: NewNote) -> dict[str, int]:
        contact = self._world.company_id(new.contact) if new.contact else None
        body = {
            "title": new.title,
            "description": new.text,
            "noteType": new.note_type,
            "publish": PUBLISH_ALL if new.contact else INTERNAL,
        }
        note = NoteBody.model_validate(body)
        return {"id": self._world.add_note(ticket_id, note, resource(new.member).id, contact=contact)}

    def edit_note(self, ticket_id: int, note_id: int, new: NewText) -> None:
        change = NotePatch.model_validate({"id": note_id, "description": new.text})
        self._world.change_note(ticket_id, change, resource(new.member).id)

    def set_status(self, ticket_id: int, new: NewStatus) -> None:
        value = self._world.picklists.value("status", new.status)
        self._world.change_ticket(ticket_id, {"status": value}, resource(new.member).id)

    def assign(self, ticket_id: int, new: Assignment) -> None:
        assigned = {"assignedResourceID": resource(new.assigned_to).id}
        self._world.change_ticket(ticket_id, assigned, resource(new.member).id)

    def merge(self, ticket_id: int, new: Merge) -> None:
        self._world.merge_ticket(ticket_id, new.into, resource(new.member).id)

    def delete_ticket(self, ticket_id: int, member: str = TECHNICIAN) -> None:
        self._world.delete_ticket(ticket_id, resource(member).id)


def control_router(world: World, callouts: Callouts, usage: Usage, reset: Callable[[], None]) -> APIRouter:
    router = psa_router(Technician(world), callouts, state=lambda: state_of(world), reset=reset)

    @router.post("/settings")
    def change_settings(behaviour: Behaviour) -> Behaviour:
        _behave(behaviour, world, callouts, usage)
        return behaviour

    return router


def state_of(world: World) -> dict[str, Any]:
    """Every record, each ticket with its notes."""
    notes = world.records("TicketNotes")
    return {
        "tickets": [
            {**ticket, "notes": [note for note in notes if note["ticketID"] == ticket["id"]]}
            for ticket in world.records("Tickets")
        ],
        "time_entries": world.records("TimeEntries"),
        "webhooks": {
            entity: [one.as_json() for one in known.values()] for entity, known in world.webhooks.items()
        },
        "error_logs": world.records("WebhookEventErrorLogs"),
    }


def _behave(behaviour: Behaviour, world: World, callouts: Callouts, usage: Usage) -> None:
    given = behaviour.model_dump(exclude_none=True)
    for name, value in given.items():
        for settings in (callouts.settings, usage.settings):
            if name in settings.__dataclass_fields__:
                setattr(settings, name, tuple(value) if isinstance(value, list) else value)
    if "on" in given:
        callouts.on = given["on"]
    if "requests_by_others" in given:
        usage.pretend(given["requests_by_others"])
    if "denied" in given:
        world.denied = set(given["denied"])
