"""The timer of a worker process: looks for drafts that are due sooner than the sweep does.

It only hints, and nothing depends on it: without it a draft is written up to a sweep interval later.
"""

import threading
from typing import Any

import structlog
from celery.signals import worker_process_init, worker_ready

from tasks.context import task_context
from worker.services.notes.flushing import hint_due_drafts

log = structlog.get_logger()

#: Between two looks, in seconds; a look is one query on a small index.
LOOK_SECONDS = 0.5
_NAME = "drafts"


@worker_process_init.connect
def _after_fork(**_: Any) -> None:
    _start()


@worker_ready.connect
def _without_fork(sender: Any, **_: Any) -> None:
    """A pool of threads has no processes to start; one that forks must have no threads before it does."""
    if "thread" in type(sender.pool).__module__:
        _start()


def _start() -> None:
    """Once in a process: a worker is ready again after each lost connection."""
    if not any(thread.name == _NAME for thread in threading.enumerate()):
        threading.Thread(target=_look, name=_NAME, daemon=True).start()


def _look() -> None:
    pause = threading.Event()
    while True:
        pause.wait(LOOK_SECONDS)
        try:
            hint_due_drafts(task_context())
        except Exception as error:  # noqa: BLE001 - whatever it was, the next look is due in half a second
            log.debug("drafts not looked for", error=type(error).__name__)
