"""Structured logs: one line per outcome, a past-tense message plus ids and counts. Never a payload."""

import logging
import sys

import structlog


def configure_logs(level: str = "INFO") -> None:
    """Send everything to stderr, JSON lines where nobody watches, coloured lines at a terminal."""
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    target = logging.StreamHandler(sys.stderr)
    target.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [target]
    root.setLevel(level.upper())
    for name in _LOUD:
        logging.getLogger(name).addFilter(_first_line_only)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


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
