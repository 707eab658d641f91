"""The simulator put together: one FastAPI application."""

from fastapi import FastAPI

from integrations.halopsa.simulator import errors
from integrations.halopsa.simulator.access import Access, Identity, token_router
from integrations.halopsa.simulator.api import API_PATH, api_router
from integrations.halopsa.simulator.control import control_router
from integrations.halopsa.simulator.deliveries import Deliveries
from integrations.halopsa.simulator.registration import add_webhooks
from integrations.halopsa.simulator.world import World
from integrations.simulation import control, parts
from integrations.simulation.rate_limit import Limited


class Parts(parts.Parts[World, Deliveries]):
    """HaloPSA: its records, the webhooks that tell of them, and the tokens that let in."""

    def __init__(self, identity: Identity | None = None) -> None:
        world = World()
        super().__init__(world, Deliveries(world))
        self.access = Access(identity)

    def app(self) -> FastAPI:
        """Return HaloPSA's API, its token endpoint, and the control surface over these parts."""
        app = FastAPI(title="HaloPSA simulator", redirect_slashes=False)
        errors.install(app)
        app.include_router(token_router(self.access))
        api = api_router(self.world, self.access)
        add_webhooks(api, self.world)
        app.include_router(api)
        app.include_router(control_router(self.world, self.access, self.deliveries, self.reset))
        # the last one added is the outermost: a call over the limit is logged, and can be faulted
        app.add_middleware(Limited, limit=self.limit, prefix=API_PATH, words=_too_many)
        control.install(app, faults=self.faults, log=self.log, limit=self.limit)
        return app


def _too_many(_seconds: int) -> dict[str, str]:
    """Its shape is not published: the one that clients were seen to read."""
    return {"message": "Too Many Requests"}
