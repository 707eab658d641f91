"""The part of the control surface that is the same in every simulator, and what it is in every PSA's."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, ConfigDict, Field

from integrations.simulation.faults import Fault, FaultBook
from integrations.simulation.rate_limit import RateLimit
from integrations.simulation.sending import Sender
from integrations.simulation.technician import Technician, add_acts
from integrations.simulation.traffic import CONTROL_PREFIX, RequestLog, Traffic


class CallsAllowed(BaseModel):
    """API calls in any 60 seconds; null: no limit."""

    model_config = ConfigDict(extra="forbid")

    per_minute: int | None = Field(ge=0)


def install(app: FastAPI, *, faults: FaultBook, log: RequestLog, limit: RateLimit | None = None) -> None:
    """Add `/_simulator/faults`, `/requests` and `/limit`, and the middleware that obeys and feeds them.

    `limit` is the one that the simulator's own Limited obeys; None where it offers it in another way.
    """
    app.include_router(_router(faults, log))
    if limit:
        app.include_router(_limit_router(limit))
    app.add_middleware(Traffic, faults=faults, log=log)


def psa_router(
    technician: Technician,
    deliveries: Sender[Any],
    *,
    state: Callable[[], dict[str, Any]],
    reset: Callable[[], None],
) -> APIRouter:
    """Return what is the same for every PSA: a technician's acts, `/state`, `/deliveries`, `/reset`."""
    router = APIRouter(prefix=CONTROL_PREFIX)
    add_acts(router, technician)

    @router.get("/state")
    def show_state() -> dict[str, Any]:
        return state()

    @router.get("/deliveries")
    def list_deliveries() -> list[dict[str, Any]]:
        return deliveries.as_json()

    @router.post("/reset", status_code=204)
    def forget() -> None:
        reset()

    return router


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


def _limit_router(limit: RateLimit) -> APIRouter:
    router = APIRouter(prefix=CONTROL_PREFIX)

    @router.post("/limit", status_code=204)
    def limit_calls(allowed: CallsAllowed) -> None:
        limit.allow(allowed.per_minute)

    return router
