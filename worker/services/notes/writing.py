"""Write drafts to their walks, inside a transaction that holds the sessions' rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Boolean, Uuid

from worker.db.unit_of_work import Transaction
from worker.services.context import Context


@dataclass(frozen=True, slots=True)
class Written:
    """One draft that was written. `late` is how long after its due time; negative where nobody waited for it.

    `saves` were made since the last time; all of them are in what was written.
    """

    session_id: UUID
    revision: int
    version: int
    saves: int
    read_at: datetime
    late: timedelta


def write_drafts(
    tx: Transaction, context: Context, session_ids: Sequence[UUID], *, only_due: bool = False
) -> list[Written]:
    """Write the dirty drafts of these sessions, whose rows the caller has locked; or only those that are due.

    The draft's row is not locked while its walk is written: a save may come in between. It is completed by
    compare and set on its version, so such a save leaves the draft dirty, with a wait that begins anew.
    """
    rows = tx.session.execute(_WRITE, {"ids": list(session_ids), "only_due": only_due})
    written = sorted((Written(*row) for row in rows), key=lambda draft: draft.session_id)
    if written:
        complete(tx, context, written)
    return written


def complete(tx: Transaction, context: Context, written: Sequence[Written]) -> None:
    """Mark what was read as written; a draft that has a newer version by now stays dirty."""
    # in the order in which saves take several drafts, so that neither waits for the other in a ring
    tx.session.execute(_LOCK, {"ids": [draft.session_id for draft in written]})
    tx.session.execute(
        _COMPLETE,
        [
            {
                "id": draft.session_id,
                "version": draft.version,
                "revision": draft.revision,
                "saves": draft.saves,
                "read_at": draft.read_at,
                "quiet": context.note_quiet_period,
                "max_wait": context.note_max_wait,
            }
            for draft in written
        ],
    )


_IDS = bindparam("ids", type_=ARRAY(Uuid))

#: One statement reads the drafts and writes them, so what it returns is exactly what it wrote. Notes typed in
#: the ticket replace what a client may have copied of them into its own list.
_WRITE = text("""
    UPDATE l1_walk_session walk SET last_step_at = clock_timestamp(), walk_notes = CASE
        WHEN draft.ticket_notes = '[]' THEN draft.notes
        ELSE draft.ticket_notes || coalesce((
            SELECT jsonb_agg(own.note ORDER BY own.place)
            FROM jsonb_array_elements(draft.notes) WITH ORDINALITY own (note, place)
            WHERE NOT EXISTS (
                SELECT FROM jsonb_array_elements(draft.ticket_notes) typed
                WHERE typed ->> 'psa_note_id' = own.note ->> 'psa_note_id'
            )
        ), '[]') END
    FROM note_draft draft
    WHERE walk.id = ANY(:ids) AND draft.session_id = walk.id
        AND draft.due_at <= CASE WHEN :only_due THEN statement_timestamp() ELSE 'infinity' END
    RETURNING walk.id, draft.revision, draft.version, draft.unwritten_saves,
        statement_timestamp(), statement_timestamp() - draft.due_at
""").bindparams(_IDS, bindparam("only_due", type_=Boolean))

_LOCK = text("""
    SELECT FROM note_draft WHERE session_id = ANY(:ids) ORDER BY session_id FOR UPDATE
""").bindparams(_IDS)

#: `read_at` (when the statement came, so before it looked) is no later than the acknowledgement of any save
#: that was not written: their longest wait counts from there.
_COMPLETE = text("""
    UPDATE note_draft SET
        written_revision = :revision,
        unwritten_saves = unwritten_saves - :saves,
        first_dirty_at = CASE WHEN version > :version THEN CAST(:read_at AS timestamptz) END,
        due_at = CASE WHEN version > :version
            THEN least(saved_at + :quiet, CAST(:read_at AS timestamptz) + :max_wait) END
    WHERE session_id = :id
""")
