"""`/time/entries`: time that members spent on tickets."""

from typing import Any

from fastapi import APIRouter, Request, Response

from integrations.connectwise.simulator import queries
from integrations.connectwise.simulator.bodies import TimeBody
from integrations.connectwise.simulator.directory import API_MEMBER
from integrations.connectwise.simulator.errors import missing
from integrations.connectwise.simulator.queries import Listing
from integrations.connectwise.simulator.world import World

PATH = "/time/entries"


def add_time(router: APIRouter, world: World) -> None:
    """Add the time entries to the API's router."""

    @router.get(PATH)
    def list_entries(query: Listing, request: Request, response: Response) -> Any:
        return queries.answer(world.time_entries(), query, request, response)

    @router.post(PATH, status_code=201)
    def create_entry(body: TimeBody) -> dict[str, Any]:
        return world.add_time(body, API_MEMBER)

    @router.get(PATH + "/{entry_id}")
    def get_entry(entry_id: int) -> dict[str, Any]:
        for entry in world.time_entries():
            if entry["id"] == entry_id:
                return entry
        raise missing("TimeEntry", entry_id)
