"""Structured logs: one line per outcome, a past-tense message plus ids and counts. Never a payload."""

import logging
import sys
import traceback

import structlog

from worker.domain.text import visible

#: Calls that are logged of an error.
FRAMES = 6


def configure_logs(level: str = "INFO") -> None:
    """Send everything to stderr, JSON lines where nobody watches, coloured lines at a terminal."""
    # a JSON line escapes by itself what a terminal would obey
    renderers: list[structlog.typing.Processor] = (
        [_all_visible, structlog.dev.ConsoleRenderer()]
        if sys.stderr.isatty()
        else [structlog.processors.JSONRenderer()]
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _place_instead_of_words,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
    )
    target = logging.StreamHandler(sys.stderr)
    target.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [target]
    root.setLevel(max(logging.getLevelName(level.upper()), logging.INFO))
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())
    for name in _LOUD:
        logging.getLogger(name).addFilter(_first_line_only)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def frames(error: BaseException) -> list[str]:
    """Return where an error happened, the innermost of the last calls last, without any values."""
    return [
        f"{frame.name} in {frame.filename}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)[-FRAMES:]
    ]


def _place_instead_of_words(
    _: object, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """The words of an error may be a person's, or hold a password: its kind and its place say enough."""
    exc_info = event.pop("exc_info", None)
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(error, BaseException):
        event.update(error=type(error).__name__, at=frames(error))
    return event


def _all_visible(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What a stranger wrote neither colours the terminal nor begins a line of its own."""
    return {name: visible(value) if isinstance(value, str) else value for name, value in event.items()}


#: Only these say what they do at DEBUG; Celery and others then log the arguments of each call.
_OURS = ("worker", "tasks", "integrations")

#: Log the whole body of a message that they cannot take, and a body may hold what a person wrote.
_LOUD = ("celery.worker.consumer.consumer", "kombu.message", "celery.worker.strategy")


def _first_line_only(record: logging.LogRecord) -> bool:
    """Keep what happened and drop what it happened with."""
    record.msg = record.getMessage().partition("\n")[0].partition(" body: ")[0]
    record.args = ()
    record.exc_info = None
    return True


#: urllib3 logs full URLs at DEBUG, and a URL may carry a token; Celery would say each task three times.
_QUIET = ("urllib3", "celery.worker.strategy", "celery.app.trace", "celery.beat", "alembic")
