"""The simulator as one application over its parts."""

from dataclasses import dataclass, field

from fastapi import FastAPI

from integrations.simulation import control as shared_control
from integrations.simulation.faults import FaultBook
from integrations.simulation.rate_limit import Limited, RateLimit
from integrations.simulation.traffic import RequestLog
from integrations.zendesk.api import API_PATH
from integrations.zendesk.simulator import errors
from integrations.zendesk.simulator.api import api_router
from integrations.zendesk.simulator.control import control_router
from integrations.zendesk.simulator.deliveries import Deliveries
from integrations.zendesk.simulator.settings import Settings
from integrations.zendesk.simulator.world import World

#: A delivery with all its retries takes five time-outs; a loaded machine a little more.
DELIVERY_SECONDS = 60.0


@dataclass
class Parts:
    """What a simulator is made of."""

    settings: Settings = field(default_factory=Settings)
    world: World = field(default_factory=World)
    faults: FaultBook = field(default_factory=FaultBook)
    log: RequestLog = field(default_factory=RequestLog)
    limit: RateLimit = field(default_factory=RateLimit)

    def __post_init__(self) -> None:
        self.deliveries = Deliveries(self.world, self.settings)

    def reset(self) -> None:
        """Forget records, faults, limits, requests and deliveries, once those under way have ended."""
        if not self.deliveries.wait_until_done(DELIVERY_SECONDS):
            raise TimeoutError("webhooks are still being delivered")
        self.limit.allow(None)
        self.settings.on = True
        self.world.reset()
        self.deliveries.clear()
        self.faults.clear()
        self.log.clear()

    def app(self) -> FastAPI:
        """Return Zendesk's API and the control surface over these parts."""
        app = FastAPI(title="Zendesk simulator", redirect_slashes=False)
        errors.install(app)
        app.include_router(api_router(self.world, self.settings))
        app.include_router(control_router(self.world, self.deliveries, self.settings, self.reset))
        app.add_middleware(Limited, limit=self.limit, prefix=API_PATH, words=_too_many)
        # the last one added is the outermost: a call over the limit is logged
        shared_control.install(app, faults=self.faults, log=self.log, limit=self.limit)
        return app


def _too_many(_seconds: int) -> dict[str, str]:
    return {
        "error": "APIRateLimitExceeded",
        "description": "Number of allowed API requests per minute exceeded",
    }
