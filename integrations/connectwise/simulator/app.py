"""The simulator put together: one FastAPI application."""

from fastapi import FastAPI

from integrations.connectwise.simulator import control, errors
from integrations.connectwise.simulator.api import API_PATH, api_router, public_router
from integrations.connectwise.simulator.callbacks import KEY_PATH, Callbacks
from integrations.connectwise.simulator.registration import add_callbacks
from integrations.connectwise.simulator.time_entries import add_time
from integrations.connectwise.simulator.world import World
from integrations.simulation import control as shared_control
from integrations.simulation.faults import FaultBook
from integrations.simulation.rate_limit import Limited, RateLimit
from integrations.simulation.traffic import RequestLog


def create_app(
    world: World, callbacks: Callbacks, faults: FaultBook, log: RequestLog, limit: RateLimit
) -> FastAPI:
    """Return ConnectWise's API, its keys, and the control surface over the given state."""
    app = FastAPI(title="ConnectWise PSA simulator", redirect_slashes=False)
    errors.install(app)
    app.include_router(public_router(world, KEY_PATH))
    api = api_router(world)
    add_callbacks(api, world)
    add_time(api, world)
    app.include_router(api)
    app.include_router(control.control_router(world, callbacks, faults, log, limit))
    app.add_middleware(Limited, limit=limit, prefix=API_PATH, words=_too_many)
    # the last one added is the outermost: a call over the limit is logged
    shared_control.install(app, faults=faults, log=log, limit=limit)
    return app


def _too_many(seconds: int) -> dict[str, str]:
    """Developer Guide, "Rate limiting"; this one answer has another shape than all others."""
    return {
        "error": "ConnectWiseAPI",
        "message": f"Too many requests. Please try again in {seconds} seconds.",
    }
