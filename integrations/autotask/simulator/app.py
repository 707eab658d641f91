"""The simulator put together: one FastAPI application."""

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from integrations.autotask.simulator import errors
from integrations.autotask.simulator.api import api_router, public_router
from integrations.autotask.simulator.callouts import Callouts, CalloutSettings
from integrations.autotask.simulator.control import control_router
from integrations.autotask.simulator.limits import Limits, Usage
from integrations.autotask.simulator.queries import Pages
from integrations.autotask.simulator.registration import add_webhooks
from integrations.autotask.simulator.world import Identity, World
from integrations.simulation import control, parts

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


class Parts(parts.Parts[World, Callouts]):
    """Autotask: its records, the callouts that tell of them, the pages of its lists, and its own limits."""

    def __init__(
        self, base_url: str, settings: CalloutSettings | None = None, identity: Identity | None = None
    ) -> None:
        world = World(identity)
        super().__init__(world, Callouts(world, settings))
        self.pages = Pages(world, base_url)
        self.usage = Usage()
        self._base_url = base_url

    def reset(self) -> None:
        """Forget records, webhooks, faults, requests and deliveries; no limits but Autotask's own."""
        super().reset()
        self.deliveries.on = True
        self.pages.clear()
        self.usage.clear()

    def app(self) -> FastAPI:
        """Return Autotask's API, its limits, and the control surface over these parts."""
        app = FastAPI(title="Autotask PSA simulator", redirect_slashes=False)
        errors.install(app)
        api = api_router(self.world, self.pages, self.usage)
        add_webhooks(api, self.world)
        app.include_router(public_router(self.world, self._base_url), prefix=API_PATH)
        app.include_router(api, prefix=API_PATH)
        app.include_router(control_router(self.world, self.deliveries, self.usage, self.reset))
        app.add_middleware(AnyCase)
        app.add_middleware(Limits, usage=self.usage, limit=self.limit)
        control.install(app, faults=self.faults, log=self.log, limit=self.limit)
        return app
