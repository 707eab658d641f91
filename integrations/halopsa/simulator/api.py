"""The simulated REST API, as far as a ticket integration needs it. Writes take arrays, never an object."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from integrations.halopsa.simulator.access import Access
from integrations.halopsa.simulator.bodies import (
    ActionBody,
    ActionQuery,
    Details,
    TicketBody,
    TicketDetails,
    TicketQuery,
)
from integrations.halopsa.simulator.directory import AGENTS, OUTCOMES, STATUSES, find
from integrations.halopsa.simulator.errors import BAD_REQUEST, RefusedError
from integrations.halopsa.simulator.records import Ticket
from integrations.halopsa.simulator.world import API_WRITER, World

API_PATH = "/api"

#: What lists of tickets can be ordered by here. The client assumes the first.
ORDERS: dict[str, Callable[[Ticket], Any]] = {
    "lastactiondate": lambda ticket: ticket.acted_at,
    "id": lambda ticket: ticket.id,
}


def api_router(world: World, access: Access) -> APIRouter:
    """Everything under the API path, for those whose token is valid."""
    router = APIRouter(prefix=API_PATH, dependencies=[Depends(access.require_token)])
    _add_tickets(router, world)
    _add_actions(router, world)
    _add_directory(router, world)
    return router


def _add_tickets(router: APIRouter, world: World) -> None:
    @router.get("/Tickets")
    def list_tickets(query: Annotated[TicketQuery, Query()]) -> dict[str, Any]:
        if query.order not in ORDERS:
            raise RefusedError(BAD_REQUEST, f"Tickets cannot be ordered by {query.order}")
        found = [ticket for ticket in world.visible() if not (query.open_only and ticket.closed_at)]
        found.sort(key=ORDERS[query.order], reverse=query.orderdesc)
        size = query.page_size if query.pageinate else (query.count or query.page_size)
        start = (query.page_no - 1) * size if query.pageinate else 0
        page = [ticket.as_json() for ticket in found[start : start + size]]
        return {"record_count": len(found), "tickets": page}

    @router.get("/Tickets/{ticket_id}")
    def get_ticket(ticket_id: int, query: Annotated[TicketDetails, Query()]) -> dict[str, Any]:
        return world.visible_ticket(ticket_id).as_json(details=query.includedetails)

    @router.post("/Tickets", status_code=201)
    def write_tickets(bodies: list[TicketBody]) -> dict[str, Any]:
        tickets = [_write_ticket(world, body) for body in _some(bodies)]
        return tickets[-1].as_json(details=True)


def _write_ticket(world: World, body: TicketBody) -> Ticket:
    if body.id is None:
        return world.create_ticket(body, API_WRITER)
    world.visible_ticket(body.id)
    return world.change_ticket(body, API_WRITER)


def _add_actions(router: APIRouter, world: World) -> None:
    @router.get("/Actions")
    def list_actions(query: Annotated[ActionQuery, Query()]) -> dict[str, Any]:
        """Newest first, as many as asked for; there are no pages."""
        world.visible_ticket(query.ticket_id)
        found = [
            action
            for action in reversed(world.actions(query.ticket_id))
            if not (query.excludesys and action.system) and not (query.excludeprivate and action.hidden)
        ]
        shown = [action.as_json(html=query.includehtmlnote) for action in found[: query.count]]
        return {"ticket_id": query.ticket_id, "record_count": len(found), "actions": shown}

    @router.post("/Actions", status_code=201)
    def write_actions(bodies: list[ActionBody], returnall: bool = False) -> Any:
        for body in _some(bodies):
            if body.ticket_id is not None:
                world.visible_ticket(body.ticket_id)
        written = [world.write_action(body, API_WRITER).as_json() for body in bodies]
        return written if returnall else written[-1]


def _add_directory(router: APIRouter, world: World) -> None:
    @router.get("/Status")
    def list_statuses() -> list[dict[str, Any]]:
        return [status.as_json() for status in STATUSES]

    @router.get("/Outcome")
    def list_outcomes() -> list[dict[str, Any]]:
        return [outcome.as_json() for outcome in OUTCOMES]

    @router.get("/TicketType/{type_id}")
    def get_type(type_id: int, _query: Annotated[Details, Query()]) -> dict[str, Any]:
        return find(world.known("type"), type_id, "TicketType").as_json()

    @router.get("/Agent/{agent_id}")
    def get_agent(agent_id: int, _query: Annotated[Details, Query()]) -> dict[str, Any]:
        return find(AGENTS, agent_id, "Agent").as_json()


def _some(bodies: list[Any]) -> list[Any]:
    if not bodies:
        raise RefusedError(BAD_REQUEST, "The array is empty")
    return bodies
