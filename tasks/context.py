"""What the tasks of one worker process share."""

from functools import cache

from worker.celery import app
from worker.composition import build
from worker.hints import CeleryPublisher
from worker.services.context import Context
from worker.settings import load_settings


@cache
def task_context() -> Context:
    """Return the context of this process. Made at the first task, so always after the fork."""
    return build(load_settings(), CeleryPublisher(app))
