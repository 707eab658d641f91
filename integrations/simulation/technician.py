"""What people do in a PSA's own screens, and the routes that let them do it in a simulator."""

from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, Protocol, get_type_hints

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

#: Who acts unless somebody else is named; every simulator knows this login name.
TECHNICIAN = "jdoe"

OK, CREATED, NO_CONTENT = 200, 201, 204


class Act(BaseModel):
    model_config = ConfigDict(extra="forbid")

    member: str = TECHNICIAN


class NewTicket(Act):
    """A ticket by names."""

    summary: str
    board: str | None = None
    status: str | None = None
    type: str | None = None
    priority: str | None = None
    company: str | None = None
    assigned_to: str | None = None


class NewNote(Act):
    """A note by a technician, or by a customer where `contact` is named."""

    text: str
    contact: str | None = None


class NewText(Act):
    """What a note says from now on."""

    text: str


class NewStatus(Act):
    status: str


class Assignment(Act):
    assigned_to: str


class Merge(Act):
    """The ticket that takes this one's place."""

    into: int


class Technician(Protocol):
    """Acts in one PSA. For tickets and notes it may take models of its own, with more fields or defaults.

    The routes read its annotations: which model a body is, and that an act that returns None is answered 204.
    """

    def create_ticket(self, new: Any, /) -> Mapping[str, Any]: ...

    def add_note(self, ticket_id: int, new: Any, /) -> Mapping[str, Any]: ...

    def edit_note(self, ticket_id: int, note_id: int, new: NewText) -> Mapping[str, Any] | None: ...

    def set_status(self, ticket_id: int, new: NewStatus) -> Mapping[str, Any] | None: ...

    def assign(self, ticket_id: int, new: Assignment) -> Mapping[str, Any] | None: ...

    def merge(self, ticket_id: int, new: Merge) -> Mapping[str, Any] | None: ...

    def delete_ticket(self, ticket_id: int, member: str = TECHNICIAN) -> None: ...


def add_acts(router: APIRouter, technician: Technician) -> None:
    """Add a route for each act, with the ticket's and the note's number in its path."""
    router.post("/tickets", status_code=CREATED)(technician.create_ticket)
    router.delete("/tickets/{ticket_id}", status_code=NO_CONTENT)(technician.delete_ticket)
    router.post("/tickets/{ticket_id}/notes", status_code=CREATED)(technician.add_note)
    _add(router, "/tickets/{ticket_id}/notes/{note_id}", technician.edit_note)
    _add(router, "/tickets/{ticket_id}/status", technician.set_status)
    _add(router, "/tickets/{ticket_id}/assign", technician.assign)
    _add(router, "/tickets/{ticket_id}/merge", technician.merge)


def _add(router: APIRouter, path: str, act: Callable[..., Mapping[str, Any] | None]) -> None:
    silent = get_type_hints(act)["return"] is NoneType
    router.post(path, status_code=NO_CONTENT if silent else OK)(act)
