"""The Celery app that `celery -A worker` finds."""

from typing import Any

from celery import Celery
from celery.signals import setup_logging

from worker.base_task import WalkTask
from worker.broker import use_strict_transport
from worker.logs import configure_logs
from worker.runtime.servers import hold_servers
from worker.settings import load_settings

use_strict_transport()

app = Celery("ticketwalk", config_source="celeryconfig", task_cls=WalkTask)


@app.on_after_configure.connect
def _start_embedded_servers(**_: Any) -> None:
    """Every Celery command works on its own: the home's servers run for as long as it does."""
    hold_servers(load_settings())


@setup_logging.connect
def _one_log_format(**_: Any) -> None:
    """Connected, so that Celery leaves logging alone."""
    configure_logs(load_settings().log_level)
