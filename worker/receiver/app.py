"""The receiver as an ASGI app, and its server."""

from collections.abc import Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from sqlalchemy.exc import DBAPIError

from worker.domain.queues import are_working
from worker.errors import TicketwalkError
from worker.receiver.metrics import BacklogCollector
from worker.receiver.problems import answer_problems, problem
from worker.receiver.protocol import BoundedProtocol
from worker.receiver.request_ids import RequestIds
from worker.receiver.webhooks import webhook_routes
from worker.services.backlog import backlog
from worker.services.canary import ages
from worker.services.context import Context

#: Seconds that open requests get at the end; each is answered within two.
SHUTDOWN_SECONDS = 5
#: Connections at a time; more are answered 503 at once. Bounds bodies in memory and descriptors.
MAX_OPEN_CONNECTIONS = 500


def create_app(context: Context, *, deliveries_per_second: float) -> FastAPI:
    """Return the receiver's app. `deliveries_per_second` is what one connection may bring."""
    app = FastAPI(title="ticketwalk", version=version("ticketwalk"), redoc_url=None)
    app.add_middleware(RequestIds)
    answer_problems(app)
    app.include_router(webhook_routes(context, deliveries_per_second=deliveries_per_second))
    registry = CollectorRegistry()
    registry.register(BacklogCollector(context))

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "ok"}

    @app.get("/readyz")
    def readyz() -> JSONResponse:
        """Say whether deliveries can be stored. Redis and the workers do not matter for that, but are told.

        `canaries`: seconds since a worker last drained each queue; `workers` is `late` where one is too old.
        """
        try:
            open_rows = {f"{line.table}.{line.state}": line.rows for line in backlog(context)}
            seconds = ages(context)
        except (TicketwalkError, DBAPIError):
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "PostgreSQL does not answer")
        return JSONResponse(
            {
                "status": "ready",
                "workers": "working" if are_working(seconds) else "late",
                "canaries": {queue: round(age, 1) for queue, age in seconds.items()},
                "open": open_rows,
            }
        )

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        """Give the numbers to Prometheus."""
        return Response(generate_latest(REGISTRY) + generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app


def serve(app: FastAPI, *, host: str, port: int) -> None:
    """Serve until told to stop; open requests are answered first."""
    uvicorn.run(app, host=host, port=port, **SERVER_OPTIONS)


#: How uvicorn serves the app.
SERVER_OPTIONS: Mapping[str, Any] = {
    "http": BoundedProtocol,
    "ws": "none",
    "log_config": None,
    # the path names a connection, and an access log would repeat every line of ours
    "access_log": False,
    "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
    "limit_concurrency": MAX_OPEN_CONNECTIONS,
    "server_header": False,
}
