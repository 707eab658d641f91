"""What the tasks of one worker process share."""

from functools import cache
from uuid import UUID

from worker.celery import app
from worker.composition import build
from worker.errors import Refusal
from worker.hints import CeleryPublisher
from worker.services.context import Context
from worker.settings import load_settings

#: Ids are PostgreSQL's bigint.
MAX_ROW_ID = 2**63 - 1


def account(account_id: str | None) -> UUID | None:
    """Return the account that a hint names. Refuses what is no id."""
    try:
        return UUID(account_id) if account_id else None
    except (ValueError, AttributeError, TypeError):
        raise Refusal("invalid", "account_id is no id of an account") from None


def row_id(name: str, value: object) -> int:
    """Return the id of a row that a call names. Refuses what no row can have."""
    if type(value) is not int or not 0 < value <= MAX_ROW_ID:
        raise Refusal("invalid", f"{name} is no id")
    return value


@cache
def task_context() -> Context:
    """Return the context of this process. Made at the first task, so always after the fork."""
    return build(load_settings(), CeleryPublisher(app))
