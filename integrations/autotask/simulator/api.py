"""The simulated REST API, as far as a ticket integration needs it."""

import hmac
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import ValidationError

from integrations.autotask.simulator.bodies import (
    NoteBody,
    NotePatch,
    Search,
    TicketBody,
    TicketPatch,
    TimeBody,
)
from integrations.autotask.simulator.errors import UNAUTHORIZED, RefusedError, unknown_reference
from integrations.autotask.simulator.limits import TIMEFRAME_MINUTES, Usage
from integrations.autotask.simulator.picklists import (
    API_RESOURCE,
    NOTE_TYPES,
    PUBLISH,
    WEBHOOK_FIELDS,
    picklist,
    resource,
)
from integrations.autotask.simulator.queries import Pages
from integrations.autotask.simulator.world import Identity, World

API_ROOT = "/atservicesrest"
QUERIED = (
    "Tickets",
    "TicketNotes",
    "TimeEntries",
    "Resources",
    "Companies",
    "TicketWebhooks",
    "TicketNoteWebhooks",
    "WebhookEventErrorLogs",
)


def public_router(world: World, base_url: str) -> APIRouter:
    """What Autotask answers without credentials: the zone of a user."""
    router = APIRouter()

    @router.get("/zoneInformation")
    def zone_information(user: str) -> dict[str, Any]:
        if user.casefold() != world.identity.username.casefold():
            raise RefusedError("Zone information could not be determined.")
        return {"zoneName": "Simulated", "url": f"{base_url}{API_ROOT}/", "webUrl": f"{base_url}/", "ci": 1}

    return router


def api_router(world: World, pages: Pages, usage: Usage) -> APIRouter:
    """Everything for those whose credentials are right."""
    router = APIRouter(dependencies=[Depends(gate(world.identity))])
    _add_queries(router, pages)
    _add_tickets(router, world)
    _add_notes(router, world)
    _add_time(router, world)
    _add_names(router, world)

    @router.get("/ThresholdInformation")
    def threshold() -> dict[str, int]:
        return {
            "externalRequestThreshold": usage.settings.threshold,
            "requestThresholdTimeframe": TIMEFRAME_MINUTES,
            "currentTimeframeRequestCount": usage.count(),
        }

    return router


def gate(identity: Identity) -> Any:
    def require_credentials(request: Request) -> None:
        given = [request.headers.get(name, "") for name in ("apiintegrationcode", "username", "secret")]
        expected = [identity.integration_code, identity.username, identity.secret]
        if not hmac.compare_digest("\n".join(given).encode(), "\n".join(expected).encode()):
            raise RefusedError("Unauthorized. Please check your credentials.", status=UNAUTHORIZED)

    return require_credentials


def _add_queries(router: APIRouter, pages: Pages) -> None:
    for entity in QUERIED:
        _add_query(router, pages, entity)


def _add_query(router: APIRouter, pages: Pages, entity: str) -> None:
    @router.get(f"/{entity}/query")
    def by_get(search: str) -> dict[str, Any]:
        try:
            return pages.first(entity, Search.model_validate_json(search), "GET")
        except ValidationError as error:
            raise RefusedError(
                *(f"Value of field search: {item['msg']}" for item in error.errors())
            ) from None

    @router.post(f"/{entity}/query")
    def by_post(search: Search) -> dict[str, Any]:
        return pages.first(entity, search, "POST")

    @router.get(f"/{entity}/query/next")
    def next_by_get(paging: str) -> dict[str, Any]:
        return pages.next(entity, paging, "GET")

    @router.post(f"/{entity}/query/next")
    def next_by_post(paging: Annotated[str, Query()]) -> dict[str, Any]:
        return pages.next(entity, paging, "POST")


def _add_tickets(router: APIRouter, world: World) -> None:
    @router.get("/Tickets/{ticket_id}")
    def get_ticket(ticket_id: int) -> dict[str, Any]:
        return {"item": world.ticket(ticket_id)}

    @router.post("/Tickets")
    def create_ticket(body: TicketBody) -> dict[str, int]:
        world.require_right("Tickets", "create")
        if not world.has_company(body.company_id):
            raise unknown_reference("companyID", "Company")
        return {"itemId": world.create_ticket(body.given(), API_RESOURCE.id)}

    @router.patch("/Tickets")
    def patch_ticket(body: TicketPatch) -> dict[str, int]:
        world.require_right("Tickets", "update")
        changes = {name: value for name, value in body.given().items() if name != "id"}
        if "assignedResourceID" in changes:
            resource(changes["assignedResourceID"])
        world.change_ticket(body.id, changes, API_RESOURCE.id)
        return {"itemId": body.id}


def _add_notes(router: APIRouter, world: World) -> None:
    path = "/Tickets/{ticket_id}/Notes"

    @router.post(path)
    def create_note(ticket_id: int, body: NoteBody) -> dict[str, int]:
        world.require_right("TicketNotes", "create")
        return {"itemId": world.add_note(ticket_id, body, API_RESOURCE.id)}

    @router.patch(path)
    def patch_note(ticket_id: int, body: NotePatch) -> dict[str, int]:
        world.require_right("TicketNotes", "update")
        world.change_note(ticket_id, body, API_RESOURCE.id)
        return {"itemId": body.id}

    @router.get("/TicketNotes/{note_id}")
    def get_note(note_id: int) -> dict[str, Any]:
        return {"item": _by_id(world.records("TicketNotes"), note_id)}


def _add_time(router: APIRouter, world: World) -> None:
    @router.post("/TimeEntries")
    def create_time(body: TimeBody) -> dict[str, int]:
        world.require_right("TimeEntries", "create")
        return {"itemId": world.add_time(body)}

    @router.get("/TimeEntries/{entry_id}")
    def get_time(entry_id: int) -> dict[str, Any]:
        return {"item": _by_id(world.records("TimeEntries"), entry_id)}


def _add_names(router: APIRouter, world: World) -> None:
    @router.get("/Companies/{company_id}")
    def get_company(company_id: int) -> dict[str, Any]:
        return {"item": _by_id(world.records("Companies"), company_id)}

    @router.get("/Resources/{resource_id}")
    def get_resource(resource_id: int) -> dict[str, Any]:
        return {"item": _by_id(world.records("Resources"), resource_id)}

    @router.get("/Tickets/entityInformation/fields")
    def ticket_fields() -> dict[str, Any]:
        return _fields(world.picklists.by_field)

    @router.get("/TicketNotes/entityInformation/fields")
    def note_fields() -> dict[str, Any]:
        return _fields({"noteType": NOTE_TYPES, "publish": PUBLISH})

    @router.get("/TicketWebhookFields/entityInformation/fields")
    def ticket_webhook_fields() -> dict[str, Any]:
        return _fields({"fieldID": WEBHOOK_FIELDS["Ticket"]})

    @router.get("/TicketNoteWebhookFields/entityInformation/fields")
    def note_webhook_fields() -> dict[str, Any]:
        return _fields({"fieldID": WEBHOOK_FIELDS["TicketNote"]})


def _fields(picklists: dict[str, dict[int, str]]) -> dict[str, Any]:
    shown = [
        {"name": name, "dataType": "integer", "isPickList": True, "picklistValues": list(picklist(values))}
        for name, values in picklists.items()
    ]
    return {
        "fields": [{"name": "id", "dataType": "long", "isPickList": False, "picklistValues": None}, *shown]
    }


def _by_id(records: list[dict[str, Any]], record_id: int) -> dict[str, Any] | None:
    return next((record for record in records if record["id"] == record_id), None)
