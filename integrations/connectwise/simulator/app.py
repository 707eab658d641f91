"""The simulator put together: one FastAPI application."""

from fastapi import FastAPI

from integrations.connectwise.simulator import control, errors
from integrations.connectwise.simulator.api import api_router, public_router
from integrations.connectwise.simulator.callbacks import KEY_PATH, Callbacks
from integrations.connectwise.simulator.registration import add_callbacks
from integrations.connectwise.simulator.world import World
from integrations.simulation import control as shared_control
from integrations.simulation.faults import FaultBook
from integrations.simulation.traffic import RequestLog


def create_app(world: World, callbacks: Callbacks, faults: FaultBook, log: RequestLog) -> FastAPI:
    """Return ConnectWise's API, its keys, and the control surface over the given state."""
    app = FastAPI(title="ConnectWise PSA simulator", redirect_slashes=False)
    errors.install(app)
    app.include_router(public_router(world, KEY_PATH))
    api = api_router(world)
    add_callbacks(api, world)
    app.include_router(api)
    app.include_router(control.control_router(world, callbacks, faults, log))
    shared_control.install(app, faults=faults, log=log)
    return app
