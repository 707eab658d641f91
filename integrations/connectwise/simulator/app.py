"""The simulator put together: one FastAPI application."""

from fastapi import FastAPI

from integrations.connectwise.simulator import errors
from integrations.connectwise.simulator.api import API_PATH, api_router, public_router
from integrations.connectwise.simulator.callbacks import KEY_PATH, Callbacks, CallbackSettings
from integrations.connectwise.simulator.control import control_router
from integrations.connectwise.simulator.registration import add_callbacks
from integrations.connectwise.simulator.time_entries import add_time
from integrations.connectwise.simulator.world import Identity, World
from integrations.simulation import control, parts
from integrations.simulation.rate_limit import Limited


class Parts(parts.Parts[World, Callbacks]):
    """ConnectWise: its records, and the callbacks that tell of them."""

    def __init__(
        self, base_url: str, settings: CallbackSettings | None = None, identity: Identity | None = None
    ) -> None:
        world = World(identity)
        super().__init__(world, Callbacks(world, base_url, settings))

    def app(self) -> FastAPI:
        """Return ConnectWise's API, its keys, and the control surface over these parts."""
        app = FastAPI(title="ConnectWise PSA simulator", redirect_slashes=False)
        errors.install(app)
        app.include_router(public_router(self.world, KEY_PATH))
        api = api_router(self.world)
        add_callbacks(api, self.world)
        add_time(api, self.world)
        app.include_router(api)
        app.include_router(control_router(self.world, self.deliveries, self.reset))
        app.add_middleware(Limited, limit=self.limit, prefix=API_PATH, words=_too_many)
        # the last one added is the outermost: a call over the limit is logged
        control.install(app, faults=self.faults, log=self.log, limit=self.limit)
        return app


def _too_many(seconds: int) -> dict[str, str]:
    """Developer Guide, "Rate limiting"; this one answer has another shape than all others."""
    return {
        "error": "ConnectWiseAPI",
        "message": f"Too many requests. Please try again in {seconds} seconds.",
    }
