"""What most would write first, to compare with: a receiver that sends one Celery task per webhook, and the
task that inserts the step in a transaction of its own. No store before the answer, no order, no repeats
recognised, no tenants, nothing kept of what fails. It writes the same rows to the same tables.
"""

import json
import os
from datetime import UTC, datetime
from functools import cache
from typing import Any

from celery import Celery
from fastapi import FastAPI, HTTPException, Request, status
from sqlalchemy import Engine, create_engine, text

from integrations.ports import Link, WebhookRequest
from integrations.standard.signature import secret_key
from integrations.standard.webhook import verify

DATABASE = "TICKETWALK_BENCH_DATABASE_URL"
BROKER = "TICKETWALK_BENCH_BROKER_URL"
SECRET = "TICKETWALK_BENCH_SECRET"  # noqa: S105 - the name of a variable

tasks = Celery("naive", broker=os.environ.get(BROKER))
tasks.conf.task_default_queue = "naive"
tasks.conf.task_ignore_result = True
receiver = FastAPI()

_UPDATE = text(
    "UPDATE l1_walk_session SET step_count = step_count + 1, current_node_id = :node_id, last_step_at = now()"
    " WHERE status = 'active' AND ticket_id = (SELECT id FROM ticket WHERE kind = 'psa'"
    " AND connection_id = CAST(:connection_id AS uuid) AND external_id = :ticket_id)"
    " RETURNING account_id, id AS session_id, step_count AS position"
)
_INSERT = text(
    "INSERT INTO walk_step (account_id, session_id, position, node_id, question, answer, recorded_at)"
    " VALUES (:account_id, :session_id, :position, :node_id, :question, :answer, now())"
)


@tasks.task(name="naive.record")  # type: ignore[untyped-decorator] # Celery's are
def record(step: dict[str, Any]) -> None:
    """Insert one step."""
    with _engine().begin() as connection:
        walk = connection.execute(_UPDATE, step).mappings().one()
        connection.execute(_INSERT, {**step, **walk})


@receiver.post("/webhook/{connection_id}", status_code=status.HTTP_202_ACCEPTED)
async def receive(connection_id: str, request: Request) -> dict[str, str]:
    """Verify, send a task, answer."""
    body = await request.body()
    verify(WebhookRequest(body, dict(request.headers), datetime.now(UTC)), _link())
    message = json.loads(body)
    if message["type"] != "step.record":
        raise HTTPException(status.HTTP_400_BAD_REQUEST)
    return {"task_id": record.delay({**message["data"], "connection_id": connection_id}).id}


@receiver.get("/ready")
def ready() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ready"}


@cache
def _engine() -> Engine:
    """Made at the first task, so after the fork."""
    return create_engine(os.environ[DATABASE])


@cache
def _link() -> Link:
    secret = os.environ[SECRET]
    secret_key(secret)
    return Link("naive", "", {}, webhook_secrets=(secret,))
