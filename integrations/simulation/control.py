"""The part of the control surface that every simulator has: faults and the request log."""

from typing import Any

from fastapi import APIRouter, FastAPI

from integrations.simulation.faults import Fault, FaultBook
from integrations.simulation.traffic import CONTROL_PREFIX, RequestLog, Traffic


def install(app: FastAPI, *, faults: FaultBook, log: RequestLog) -> None:
    """Add `/_simulator/faults`, `/_simulator/requests` and the middleware that obeys and feeds them."""
    app.include_router(_router(faults, log))
    app.add_middleware(Traffic, faults=faults, log=log)


def _router(faults: FaultBook, log: RequestLog) -> APIRouter:
    router = APIRouter(prefix=CONTROL_PREFIX)

    @router.post("/faults", status_code=201)
    def add_fault(fault: Fault) -> Fault:
        faults.add(fault)
        return fault

    @router.get("/faults")
    def list_faults() -> list[Fault]:
        return faults.pending()

    @router.delete("/faults", status_code=204)
    def clear_faults() -> None:
        faults.clear()

    @router.get("/requests")
    def list_requests() -> list[dict[str, Any]]:
        return log.as_json()

    return router
