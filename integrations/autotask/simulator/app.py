"""The simulator put together: one FastAPI application."""

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from integrations.autotask.simulator import control, errors
from integrations.autotask.simulator.api import api_router, public_router
from integrations.autotask.simulator.callouts import Callouts, CalloutSettings
from integrations.autotask.simulator.limits import Limits, Usage
from integrations.autotask.simulator.queries import Pages
from integrations.autotask.simulator.registration import add_webhooks
from integrations.autotask.simulator.world import Identity, World
from integrations.simulation import control as shared_control
from integrations.simulation.faults import FaultBook
from integrations.simulation.rate_limit import RateLimit
from integrations.simulation.traffic import RequestLog

API_PATH = "/atservicesrest/v1.0"


class AnyCase:
    """ASGI middleware: the path before an entity's name may be written in any case, as on IIS."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        if path.lower().startswith(API_PATH):
            scope = {**scope, "path": API_PATH + path[len(API_PATH) :]}
        await self._app(scope, receive, send)


def make_parts(
    base_url: str, settings: CalloutSettings | None = None, identity: Identity | None = None
) -> control.Parts:
    """Return the state of a fresh simulator that answers under `base_url`."""
    world = World(identity)
    return control.Parts(
        world=world,
        callouts=Callouts(world, settings),
        pages=Pages(world, base_url),
        usage=Usage(),
        limit=RateLimit(),
        faults=FaultBook(),
        log=RequestLog(),
    )


def create_app(parts: control.Parts, base_url: str) -> FastAPI:
    """Return Autotask's API, its limits, and the control surface over the given state."""
    app = FastAPI(title="Autotask PSA simulator", redirect_slashes=False)
    errors.install(app)
    api = api_router(parts.world, parts.pages, parts.usage)
    add_webhooks(api, parts.world)
    app.include_router(public_router(parts.world, base_url), prefix=API_PATH)
    app.include_router(api, prefix=API_PATH)
    app.include_router(control.control_router(parts))
    app.add_middleware(AnyCase)
    app.add_middleware(Limits, usage=parts.usage, limit=parts.limit)
    shared_control.install(app, faults=parts.faults, log=parts.log, limit=parts.limit)
    return app
