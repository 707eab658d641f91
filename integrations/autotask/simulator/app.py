"""The simulator put together: one FastAPI application."""

from fastapi import FastAPI

from integrations.autotask.simulator import control, errors
from integrations.autotask.simulator.api import api_router, public_router
from integrations.autotask.simulator.callouts import Callouts, CalloutSettings
from integrations.autotask.simulator.limits import CallLimit, Limits, LimitSettings, Usage
from integrations.autotask.simulator.queries import SHOWN_PATH, Pages
from integrations.autotask.simulator.registration import add_webhooks
from integrations.autotask.simulator.world import Identity, World
from integrations.simulation import control as shared_control
from integrations.simulation.faults import FaultBook
from integrations.simulation.traffic import RequestLog

#: The paths are answered in both spellings, as by a server that does not tell them apart.
PREFIXES = ("/atservicesrest/v1.0", SHOWN_PATH)


def make_parts(
    base_url: str, settings: CalloutSettings | None = None, identity: Identity | None = None
) -> control.Parts:
    """Return the state of a fresh simulator that answers under `base_url`."""
    world = World(identity)
    return control.Parts(
        world=world,
        callouts=Callouts(world, settings),
        pages=Pages(world, base_url),
        usage=Usage(LimitSettings()),
        call_limit=CallLimit(),
        faults=FaultBook(),
        log=RequestLog(),
    )


def create_app(parts: control.Parts, base_url: str) -> FastAPI:
    """Return Autotask's API, its limits, and the control surface over the given state."""
    app = FastAPI(title="Autotask PSA simulator", redirect_slashes=False)
    errors.install(app)
    api = api_router(parts.world, parts.pages, parts.usage)
    add_webhooks(api, parts.world)
    for prefix in PREFIXES:
        app.include_router(public_router(parts.world, base_url), prefix=prefix)
        app.include_router(api, prefix=prefix)
    app.include_router(control.control_router(parts))
    app.add_middleware(Limits, usage=parts.usage, call_limit=parts.call_limit)
    shared_control.install(app, faults=parts.faults, log=parts.log)
    return app
