"""`/system/callbacks`: where integrations register for callbacks."""

from typing import Any

from fastapi import APIRouter, Request, Response

from integrations.connectwise.simulator import queries
from integrations.connectwise.simulator.bodies import CallbackBody, Operation
from integrations.connectwise.simulator.directory import MEMBERS
from integrations.connectwise.simulator.errors import invalid, missing
from integrations.connectwise.simulator.queries import Listing
from integrations.connectwise.simulator.records import Callback
from integrations.connectwise.simulator.world import World

#: PSA Callbacks page; of the levels of a ticket, those the simulator's tickets have.
TYPES = frozenset({"ticket"})
LEVELS = frozenset({"owner", "board", "status", "ticket"})


def add_callbacks(router: APIRouter, world: World) -> None:
    """Add the callback registrations to the API's router."""

    @router.get("/system/callbacks")
    def list_callbacks(query: Listing, request: Request, response: Response) -> Any:
        items = [callback.as_json() for callback in world.callbacks.values()]
        return queries.answer(items, query, request, response)

    @router.post("/system/callbacks", status_code=201)
    def create_callback(body: CallbackBody) -> dict[str, Any]:
        return register(world, body).as_json()

    @router.get("/system/callbacks/{callback_id}")
    def get_callback(callback_id: int) -> dict[str, Any]:
        return _callback(world, callback_id).as_json()

    @router.put("/system/callbacks/{callback_id}")
    def put_callback(callback_id: int, body: CallbackBody) -> dict[str, Any]:
        callback = _callback(world, callback_id)
        _check(body, world, own_id=callback_id)
        _rewrite(callback, body)
        return callback.as_json()

    @router.patch("/system/callbacks/{callback_id}")
    def patch_callback(callback_id: int, operations: list[Operation]) -> dict[str, Any]:
        callback = _callback(world, callback_id)
        changes = {operation.path.strip("/"): operation.value for operation in operations}
        body = CallbackBody.model_validate({**callback.body.model_dump(by_alias=True), **changes})
        _check(body, world, own_id=callback_id)
        _rewrite(callback, body)
        return callback.as_json()

    @router.delete("/system/callbacks/{callback_id}", status_code=204)
    def delete_callback(callback_id: int) -> None:
        del world.callbacks[_callback(world, callback_id).id]


def register(world: World, body: CallbackBody) -> Callback:
    """Add a callback; refuses one like one that stands, the inactive ones included."""
    _check(body, world, own_id=None)
    callback = Callback(world.next_id(), body, MEMBERS[-1].id)
    world.callbacks[callback.id] = callback
    return callback


def _rewrite(callback: Callback, body: CallbackBody) -> None:
    """Whoever writes a callback arms it again: its days of failing start anew."""
    callback.body, callback.failing_since = body, None


def _callback(world: World, callback_id: int) -> Callback:
    if callback_id not in world.callbacks:
        raise missing("CallbackEntry", callback_id)
    return world.callbacks[callback_id]


def _check(body: CallbackBody, world: World, *, own_id: int | None) -> None:
    if not body.url.startswith(("http://", "https://")):
        raise invalid("callback", ("url", "InvalidField", "Invalid URL"))
    if body.type.lower() not in TYPES or body.level.lower() not in LEVELS:
        raise invalid("callback", ("level", "InvalidField", "Unrecognized level for type"))
    if any(c.id != own_id and _place(c.body) == _place(body) for c in world.callbacks.values()):
        raise invalid("callback", ("objectId", "ObjectExists", "A matching callback entry already exists"))


def _place(body: CallbackBody) -> tuple[str, int, str, str]:
    return body.url, body.object_id, body.type.lower(), body.level.lower()
