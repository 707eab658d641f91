"""The simulator put together: one FastAPI application."""

from dataclasses import dataclass, field

from fastapi import FastAPI

from integrations.halopsa.simulator import control, errors
from integrations.halopsa.simulator.access import Access, token_router
from integrations.halopsa.simulator.api import API_PATH, api_router
from integrations.halopsa.simulator.deliveries import Deliveries
from integrations.halopsa.simulator.registration import add_webhooks
from integrations.halopsa.simulator.world import World
from integrations.simulation import control as shared_control
from integrations.simulation.faults import FaultBook
from integrations.simulation.rate_limit import Limited, RateLimit
from integrations.simulation.traffic import RequestLog


@dataclass(slots=True)
class Parts:
    """The state of one simulator."""

    world: World = field(default_factory=World)
    access: Access = field(default_factory=Access)
    faults: FaultBook = field(default_factory=FaultBook)
    log: RequestLog = field(default_factory=RequestLog)
    limit: RateLimit = field(default_factory=RateLimit)
    deliveries: Deliveries = field(init=False)

    def __post_init__(self) -> None:
        self.deliveries = Deliveries(self.world)


def create_app(parts: Parts) -> FastAPI:
    """Return HaloPSA's API, its token endpoint, and the control surface over the given state."""
    app = FastAPI(title="HaloPSA simulator", redirect_slashes=False)
    errors.install(app)
    app.include_router(token_router(parts.access))
    api = api_router(parts.world, parts.access)
    add_webhooks(api, parts.world)
    app.include_router(api)
    app.include_router(
        control.control_router(
            parts.world, parts.access, parts.deliveries, parts.limit, parts.faults, parts.log
        )
    )
    # the last one added is the outermost: a call over the limit is logged, and can be faulted
    app.add_middleware(Limited, limit=parts.limit, prefix=API_PATH, words=_too_many)
    shared_control.install(app, faults=parts.faults, log=parts.log, limit=parts.limit)
    return app


def _too_many(_seconds: int) -> dict[str, str]:
    """Its shape is not published: the one that clients were seen to read."""
    return {"message": "Too Many Requests"}
