"""Hint again whatever Postgres says is open. Harmless twice, and by any number of schedulers.

What needs a PSA that is paused is left until the pause is over, to the second.

Each kind of work has one query over a partial index, bounded, and fair: each account's oldest come first in
turn, so that a storm of one account does not bury another account's single event.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import RowMapping, text

from integrations.ports import EventKind
from worker.crash_points import Commit
from worker.db.unit_of_work import Across
from worker.services.context import Context
from worker.services.hinting import hint_command, hint_delivery, hint_entry
from worker.services.notes.flushing import hint_due_drafts

#: Lanes hinted per kind and sweep. What does not fit comes with the next sweep, two seconds later.
SWEEP_LIMIT = 200
#: Lanes hinted per account, kind and sweep: the oldest. More of one account's lanes do not raise its share.
ACCOUNT_LIMIT = 50
#: A fresh row has a hint of its own on the way; sweeping it at once would double every hint.
GRACE = timedelta(seconds=1)


def sweep(context: Context) -> dict[str, int]:
    """Publish hints for what is due. Return how many of each kind."""
    counts = {}
    for kind in _QUERIES:
        # a transaction of its own: should one query fail, the others' hints still go out
        with context.uow.across(at=Commit.SWEEP) as tx:
            counts[kind] = _sweep_kind(tx, kind)
    counts["drafts"] = hint_due_drafts(context)
    return counts


def _sweep_kind(tx: Across, kind: str) -> int:
    query = text(_QUERIES[kind])
    limits = {"limit": SWEEP_LIMIT, "account_limit": ACCOUNT_LIMIT, "grace": GRACE}
    named = {name: value for name, value in limits.items() if f":{name}" in _QUERIES[kind]}
    rows = tx.session.execute(query, named).mappings().all()
    for row in rows:
        _HINTS[kind](tx, row)
    return len(rows)


def _hint_delivery(tx: Across, row: RowMapping) -> None:
    carried = row["event_kind"] == EventKind.COMMAND
    hint_delivery(tx, row["id"], carried=carried, **_again(row))


def _hint_command(tx: Across, row: RowMapping) -> None:
    hint_command(tx, row["id"], row["type"], **_again(row))


def _hint_entry(tx: Across, row: RowMapping) -> None:
    hint_entry(tx, row["id"], session_id=row["session_id"], **_again(row))


def _again(row: RowMapping) -> dict[str, Any]:
    """The lane has the name that its first wake-up had: while that one waits, no other is put behind it."""
    return {
        "account_id": row["account_id"],
        "ticket": row["ticket"],
        "wakes_lane": row["wakes"],
        "repeats": True,
    }


_HINTS = {
    "deliveries": _hint_delivery,
    "commands": _hint_command,
    "outbox": _hint_entry,
}

#: The lanes that have open rows, walked one by one on the index of lanes, so that a thousand rows of
#: one lane hide no other; of each lane its oldest due row; then the accounts take turns.
_QUERIES: Mapping[str, str] = {
    # the oldest decides for its lane: while it waits, so do those behind it
    "deliveries": """
        WITH RECURSIVE heads AS (
            (SELECT connection_id, lane, id FROM delivery WHERE state = 'pending'
                ORDER BY connection_id, lane, id LIMIT 1)
            UNION ALL
            SELECT following.* FROM heads CROSS JOIN LATERAL (
                SELECT connection_id, lane, id FROM delivery WHERE state = 'pending'
                    AND (connection_id, lane) > (heads.connection_id, heads.lane)
                ORDER BY connection_id, lane, id LIMIT 1
            ) following
        )
        SELECT id, account_id, ticket, event_kind, wakes FROM (
            SELECT d.id, d.account_id, d.event_kind, d.external_ticket_id AS ticket,
                concat('delivery:', d.connection_id, ':', d.lane) AS wakes,
                row_number() OVER (PARTITION BY d.account_id ORDER BY d.id) AS turn
            FROM heads JOIN delivery d ON d.id = heads.id
            WHERE d.next_attempt_at <= now() - :grace
                AND (d.event_kind = 'command' OR NOT EXISTS (
                    SELECT FROM connection_state s
                    WHERE s.connection_id = d.connection_id AND s.paused_until > now()
                ))
        ) lanes WHERE turn <= :account_limit ORDER BY turn, id LIMIT :limit
    """,
    # a command that waits for its number holds nobody behind it
    "commands": """
        WITH RECURSIVE lanes AS (
            (SELECT ticket_id FROM command WHERE state = 'pending' ORDER BY ticket_id LIMIT 1)
            UNION ALL
            SELECT following.ticket_id FROM lanes CROSS JOIN LATERAL (
                SELECT ticket_id FROM command WHERE state = 'pending' AND ticket_id > lanes.ticket_id
                ORDER BY ticket_id LIMIT 1
            ) following
        )
        SELECT id, account_id, ticket, type, wakes FROM (
            SELECT c.id, c.account_id, c.type, t.external_id AS ticket, concat('ticket:', t.id) AS wakes,
                row_number() OVER (PARTITION BY c.account_id ORDER BY c.id) AS turn
            FROM lanes JOIN ticket t ON t.id = lanes.ticket_id CROSS JOIN LATERAL (
                SELECT id, account_id, type FROM command
                WHERE ticket_id = lanes.ticket_id AND state = 'pending'
                    AND next_attempt_at <= now() - :grace
                ORDER BY position LIMIT 1
            ) c
        ) due WHERE turn <= :account_limit ORDER BY turn, id LIMIT :limit
    """,
    "outbox": """
        SELECT id, account_id, session_id, ticket, wakes FROM (
            SELECT DISTINCT ON (o.ticket_id)
                o.id, o.account_id, o.session_id, t.external_id AS ticket,
                concat('entries:', o.ticket_id) AS wakes,
                row_number() OVER (PARTITION BY o.account_id ORDER BY o.id) AS turn
            FROM account a CROSS JOIN LATERAL (
                SELECT id, account_id, ticket_id, session_id FROM outbox
                WHERE account_id = a.id AND state IN ('pending', 'sending', 'unknown')
                    AND next_attempt_at <= now() - :grace AND NOT EXISTS (
                        SELECT FROM connection_state s
                        WHERE s.connection_id = outbox.connection_id AND s.paused_until > now()
                    ) AND NOT EXISTS (
                        SELECT FROM outbox earlier
                        WHERE earlier.ticket_id = outbox.ticket_id AND earlier.id < outbox.id
                            AND (earlier.state IN ('pending', 'sending', 'unknown')
                                OR (earlier.state = 'parked' AND earlier.session_id = outbox.session_id
                                    AND earlier.kind <> 'time'))
                    )
                ORDER BY id LIMIT :account_limit
            ) o JOIN ticket t ON t.id = o.ticket_id
            ORDER BY o.ticket_id, o.id
        ) lanes ORDER BY turn, id LIMIT :limit
    """,
}
