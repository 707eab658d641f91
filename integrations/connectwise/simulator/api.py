"""The simulated REST API, as far as a ticket integration needs it."""

import base64
import binascii
import hmac
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from integrations.connectwise.simulator import queries
from integrations.connectwise.simulator.bodies import MAX_SUMMARY, NoteBody, Operation, Reference, TicketBody
from integrations.connectwise.simulator.directory import API_MEMBER, BOARDS, MEMBERS, board_named, statuses_of
from integrations.connectwise.simulator.errors import BAD_REQUEST, UNAUTHORIZED, RefusedError, invalid
from integrations.connectwise.simulator.queries import Listing
from integrations.connectwise.simulator.world import Identity, World

API_PATH = "/v4_6_release/apis/3.0"
CODEBASE = "v2025_1/"


def public_router(world: World, key_path: str) -> APIRouter:
    """What ConnectWise answers without credentials: company info and callback keys."""
    router = APIRouter()

    @router.get("/login/companyinfo/{company}")
    def company_info(company: str) -> dict[str, Any]:
        known = company.casefold() == world.identity.company.casefold()
        return {"CompanyName": company, "Codebase": CODEBASE, "VersionCode": "v2025.1"} if known else {}

    @router.get(key_path)
    def callback_key() -> dict[str, str]:
        return {"signing_key": world.signing_key}

    return router


def api_router(world: World) -> APIRouter:
    """Everything under the API path, for those whose credentials are right."""
    router = APIRouter(prefix=API_PATH, dependencies=[Depends(_gate(world.identity))])
    _add_tickets(router, world)
    _add_notes(router, world)
    _add_setup(router)
    return router


def _gate(identity: Identity) -> Any:
    def require_credentials(request: Request) -> None:
        if not request.headers.get("clientid"):
            raise RefusedError(BAD_REQUEST, "InvalidClientId", "The clientId header is required.")
        expected = f"{identity.company}+{identity.public_key}:{identity.private_key}"
        if not hmac.compare_digest(_basic(request), expected.encode()):
            raise RefusedError(UNAUTHORIZED, "Unauthorized", "The authorization is invalid.")

    return require_credentials


def _basic(request: Request) -> bytes:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        return base64.b64decode(token, validate=True) if scheme.lower() == "basic" else b""
    except binascii.Error:
        return b""


def _add_tickets(router: APIRouter, world: World) -> None:
    @router.get("/service/tickets")
    def list_tickets(query: Listing, request: Request, response: Response) -> Any:
        return queries.answer(world.tickets(), query, request, response)

    @router.post("/service/tickets", status_code=201)
    def create_ticket(body: TicketBody) -> dict[str, Any]:
        return world.create_ticket(body, API_MEMBER)

    @router.get("/service/tickets/{ticket_id}")
    def get_ticket(ticket_id: int) -> dict[str, Any]:
        return world.ticket(ticket_id)

    @router.patch("/service/tickets/{ticket_id}")
    def patch_ticket(ticket_id: int, operations: list[Operation]) -> dict[str, Any]:
        return world.change_ticket(ticket_id, API_MEMBER, **_changes(operations))

    @router.delete("/service/tickets/{ticket_id}", status_code=204)
    def delete_ticket(ticket_id: int) -> None:
        world.delete_ticket(ticket_id, API_MEMBER)


def _changes(operations: list[Operation]) -> dict[str, Reference | str]:
    """A path into a reference is accepted and changes nothing, as ConnectWise does."""
    changes: dict[str, Reference | str] = {}
    for operation in operations:
        name = operation.path.strip("/")
        if "/" not in name:
            changes[name] = _new_value(name, operation.value)
    return changes


def _new_value(name: str, value: object) -> Reference | str:
    if isinstance(value, str) and name == "summary" and 0 < len(value) <= MAX_SUMMARY:
        return value
    if not isinstance(value, dict) or type(value.get("id")) is not int:
        raise invalid("ticket", (name, "InvalidField", "the value does not fit the field"))
    return Reference(id=value["id"])


def _add_notes(router: APIRouter, world: World) -> None:
    path = "/service/tickets/{ticket_id}/notes"

    @router.get(path)
    def list_notes(ticket_id: int, query: Listing, request: Request, response: Response) -> Any:
        return queries.answer(world.notes(ticket_id), query, request, response)

    @router.post(path, status_code=201)
    def create_note(ticket_id: int, body: NoteBody) -> dict[str, Any]:
        return world.add_note(ticket_id, body, API_MEMBER)

    @router.get(path + "/{note_id}")
    def get_note(ticket_id: int, note_id: int) -> dict[str, Any]:
        return world.note(ticket_id, note_id)

    @router.patch(path + "/{note_id}")
    def patch_note(ticket_id: int, note_id: int, operations: list[Operation]) -> dict[str, Any]:
        for operation in operations:
            if operation.path.strip("/") != "text" or not isinstance(operation.value, str):
                raise invalid("TicketNote", (operation.path, "InvalidField", "only the text can be changed"))
            world.change_note(ticket_id, note_id, operation.value, API_MEMBER)
        return world.note(ticket_id, note_id)

    @router.delete(path + "/{note_id}", status_code=204)
    def delete_note(ticket_id: int, note_id: int) -> None:
        world.delete_note(ticket_id, note_id, API_MEMBER)


def _add_setup(router: APIRouter) -> None:
    @router.get("/service/boards")
    def list_boards(query: Listing, request: Request, response: Response) -> Any:
        return queries.answer([board.reference() for board in BOARDS], query, request, response)

    @router.get("/service/boards/{board_id}/statuses")
    def list_statuses(board_id: int, query: Listing, request: Request, response: Response) -> Any:
        found = statuses_of(board_named(Reference(id=board_id)))
        return queries.answer([status.as_json() for status in found], query, request, response)

    @router.get("/system/members")
    def list_members(query: Listing, request: Request, response: Response) -> Any:
        return queries.answer([member.reference() for member in MEMBERS], query, request, response)
