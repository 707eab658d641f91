"""What is open or needs a person, in numbers, from the tables themselves."""

from dataclasses import dataclass

from sqlalchemy import text

from worker.services.context import Context


@dataclass(frozen=True, slots=True)
class BacklogLine:
    """Rows of one table in one state, and the age of the oldest, in seconds."""

    table: str
    state: str
    rows: int
    oldest_seconds: float


def backlog(context: Context) -> list[BacklogLine]:
    """Return how much is open, parked or refused."""
    with context.uow.across() as tx:
        return [BacklogLine(*row) for row in tx.session.execute(_BACKLOG)]


# each state by its own partial index: settled rows, which only ever grow in number, are not read
_BACKLOG = text("""
    SELECT 'delivery', 'pending', count(*), extract(epoch FROM now() - min(received_at))::float8
        FROM delivery WHERE state = 'pending' HAVING count(*) > 0
    UNION ALL
    SELECT 'delivery', state, count(*), extract(epoch FROM now() - min(received_at))::float8
        FROM delivery WHERE state IN ('refused', 'parked') GROUP BY state
    UNION ALL
    SELECT 'command', 'pending', count(*), extract(epoch FROM now() - min(received_at))::float8
        FROM command WHERE state = 'pending' HAVING count(*) > 0
    UNION ALL
    SELECT 'command', state, count(*), extract(epoch FROM now() - min(received_at))::float8
        FROM command WHERE state IN ('refused', 'parked') GROUP BY state
    UNION ALL
    SELECT 'note_draft', 'dirty', count(*), extract(epoch FROM now() - min(first_dirty_at))::float8
        FROM note_draft WHERE first_dirty_at IS NOT NULL HAVING count(*) > 0
    UNION ALL
    SELECT 'outbox', state, count(*), extract(epoch FROM now() - min(created_at))::float8
        FROM outbox WHERE state IN ('pending', 'sending', 'unknown') GROUP BY state
    UNION ALL
    SELECT 'outbox', 'parked', count(*), extract(epoch FROM now() - min(created_at))::float8
        FROM outbox WHERE state = 'parked' HAVING count(*) > 0
""")
