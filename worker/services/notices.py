"""Messages that nobody signed and that say a PSA has stopped delivering."""

from uuid import UUID

import structlog
from prometheus_client import Counter

from worker.services.context import Context

log = structlog.get_logger()

NOTICES = Counter("ticketwalk_unsigned_notices", "Unsigned messages that say deliveries have ended")


def notice_unsigned(context: Context, connection_id: UUID) -> None:  # noqa: ARG001 (nothing to look up yet)
    """Take note of it. Anybody may have sent it, so nothing is believed and nothing changes."""
    NOTICES.inc()
    log.warning("unsigned notice refused", connection_id=str(connection_id))
