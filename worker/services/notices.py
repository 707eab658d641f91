"""Messages that nobody signed and that say a PSA has stopped delivering."""

from uuid import UUID

import structlog
from prometheus_client import Counter
from sqlalchemy import or_, update
from sqlalchemy.exc import DBAPIError

from worker.db.models import ConnectionStateRow
from worker.domain.upkeep import HEEDED_EVERY
from worker.errors import TicketwalkError
from worker.services.context import Context
from worker.services.intake import connection_by_id

log = structlog.get_logger()

NOTICES = Counter(
    "ticketwalk_unsigned_notices", "Unsigned messages that say deliveries have ended, as far as heeded"
)


def notice_unsigned(context: Context, connection_id: UUID) -> None:
    """Have the registration looked at soon, with our own credentials. Nothing else: anybody may have sent it.

    Ten minutes after a look at the earliest, however many come.
    """
    NOTICES.inc()
    log.warning("unsigned notice refused", connection_id=str(connection_id))
    try:
        _look_soon(context, connection_id)
    except (TicketwalkError, DBAPIError) as error:
        # the look comes at its time anyway
        log.warning("unsigned notice not heeded", error=type(error).__name__)


def _look_soon(context: Context, connection_id: UUID) -> None:
    connection = connection_by_id(context, connection_id)
    if connection is None:
        return
    state = ConnectionStateRow
    with context.uow.begin(connection.account_id) as tx:
        tx.session.execute(
            update(state)
            .where(
                state.connection_id == connection_id,
                state.check_due_at > tx.now,
                or_(state.checked_at.is_(None), state.checked_at < tx.now - HEEDED_EVERY),
            )
            .values(check_due_at=tx.now)
            .execution_options(synchronize_session=False)
        )
