"""Keep things moving, and show that they move."""

from dataclasses import asdict
from typing import Any

from tasks.context import task_context
from worker.celery import app
from worker.services.canary import drained
from worker.services.pruning import prune as prune_settled
from worker.services.sweep import sweep as sweep_open_work


@app.task(name="maintenance.sweep")
def sweep() -> dict[str, Any]:
    """Hint at everything that is due. Harmless twice."""
    return {"outcome": "applied", **sweep_open_work(task_context())}


@app.task(name="maintenance.canary")
def canary(queue: str) -> dict[str, Any]:
    """Show that a worker drains this queue: /readyz and /metrics tell how long ago."""
    drained(task_context(), queue)
    return {"outcome": "applied", "queue": queue}


@app.task(name="maintenance.prune")
def prune() -> dict[str, Any]:
    """Remove what was settled long ago. Harmless twice."""
    return {"outcome": "applied", **asdict(prune_settled(task_context()))}
