"""The simulator as one application over its parts."""

from fastapi import FastAPI

from integrations.simulation import control, parts
from integrations.simulation.rate_limit import Limited
from integrations.simulation.running import DELIVERY_SECONDS
from integrations.zendesk.api import API_PATH
from integrations.zendesk.simulator import errors
from integrations.zendesk.simulator.api import api_router
from integrations.zendesk.simulator.control import control_router
from integrations.zendesk.simulator.deliveries import Deliveries
from integrations.zendesk.simulator.settings import Settings
from integrations.zendesk.simulator.world import Identity, World


class Parts(parts.Parts[World, Deliveries]):
    """Zendesk: its records, the webhooks that tell of them, and what can be changed about both."""

    def __init__(self, settings: Settings | None = None, identity: Identity | None = None) -> None:
        self.settings = settings or Settings()
        world = World(identity)
        super().__init__(world, Deliveries(world, self.settings))

    def reset(self) -> None:
        """Forget everything, and fire webhooks again, once those under way have ended."""
        if not self.deliveries.wait_until_done(DELIVERY_SECONDS):
            raise TimeoutError("webhooks are still being delivered")
        self.settings.on = True
        super().reset()

    def app(self) -> FastAPI:
        """Return Zendesk's API and the control surface over these parts."""
        app = FastAPI(title="Zendesk simulator", redirect_slashes=False)
        errors.install(app)
        app.include_router(api_router(self.world, self.settings))
        app.include_router(control_router(self.world, self.deliveries, self.settings, self.reset))
        app.add_middleware(Limited, limit=self.limit, prefix=API_PATH, words=_too_many)
        # the last one added is the outermost: a call over the limit is logged
        control.install(app, faults=self.faults, log=self.log, limit=self.limit)
        return app


def _too_many(_seconds: int) -> dict[str, str]:
    return {
        "error": "APIRateLimitExceeded",
        "description": "Number of allowed API requests per minute exceeded",
    }
