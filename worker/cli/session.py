"""What a command needs of the service while it runs."""

import logging
from functools import cache

import structlog

from worker.composition import build
from worker.db.unit_of_work import Publisher
from worker.hints import SilentPublisher
from worker.runtime.servers import hold_servers
from worker.services.context import Context
from worker.settings import Settings, load_settings


@cache
def settings() -> Settings:
    """Return the settings, and keep the libraries' log lines out of a command's output."""
    logging.getLogger().setLevel(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    return load_settings()


def context(publisher: Publisher | None = None) -> Context:
    """Return the service's context, with the home's servers running until this command ends."""
    hold_servers(settings())
    return build(settings(), publisher or SilentPublisher())
