"""Save notes straight into drafts: many saves in one transaction, one write per session.

A save is taken here where nothing speaks against it: the walk is open, the revision higher, and no command of
its ticket waits to be applied first. Any other save goes the way of every command, through its ticket's lane,
where it is applied in its order, or refused with its reason and kept.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import Uuid

from worker.db.models import NoteDraftRow
from worker.db.unit_of_work import Transaction
from worker.domain.notes import due_at
from worker.services.context import Context
from worker.services.notes.saves import Save, Saved


@dataclass(frozen=True, slots=True)
class Ahead:
    """What the sender said before a save and is not filed yet: a save may not overtake it."""

    session_ids: Collection[UUID | None] = ()
    tickets: Collection[str | None] = ()


@dataclass(slots=True)
class _Draft:
    """A locked draft, as it is after the saves taken so far."""

    revision: int
    first_dirty_at: datetime
    due_at: datetime | None
    saves: int = 0
    notes: Sequence[dict[str, Any]] | None = None


def save_drafts(
    tx: Transaction,
    context: Context,
    saves: Sequence[Save],
    *,
    connection_id: UUID | None = None,
    ahead: Mapping[int, Ahead] | None = None,
) -> list[Saved | None]:
    """Save in the given order; None stands for each save that must go through its lane.

    `connection_id`: only walks of this connection's tickets, or of internal ones. `ahead` says, by a save's
    place in the list, what may not be overtaken.
    """
    drafts = _lock(tx, saves, connection_id)
    results: list[Saved | None] = []
    for place, save in enumerate(saves):
        row = drafts.get(save.session_id)
        overtakes = row is not None and ahead is not None and _overtakes(ahead.get(place), save, row[0])
        results.append(None if row is None or overtakes else _take(tx, context, row[1], save))
    changed = {session_id: draft for session_id, (_, draft) in drafts.items() if draft.saves}
    if changed:
        tx.session.execute(_SAVE, [_values(tx, session_id, draft) for session_id, draft in changed.items()])
    return results


def _lock(
    tx: Transaction, saves: Sequence[Save], connection_id: UUID | None
) -> dict[UUID, tuple[str, _Draft]]:
    """Return the open drafts of these saves with their tickets, locked, but those whose tickets have work."""
    values = {"ids": list({save.session_id for save in saves}), "account": tx.account_id}
    return {
        row["session_id"]: (row["ticket"], _draft(tx, row))
        for row in tx.session.execute(_LOCK, values).mappings()
        if row["closed_at"] is None
        and not row["has_work"]
        and (connection_id is None or row["connection_id"] in (None, connection_id))
    }


def _draft(tx: Transaction, row: RowMapping) -> _Draft:
    return _Draft(row["revision"], row["first_dirty_at"] or tx.now, row["due_at"])


def _overtakes(ahead: Ahead | None, save: Save, ticket: str) -> bool:
    return ahead is not None and (save.session_id in ahead.session_ids or ticket in ahead.tickets)


def _take(tx: Transaction, context: Context, draft: _Draft, save: Save) -> Saved | None:
    if save.revision == draft.revision and list(save.notes) == _notes(tx, draft, save.session_id):
        return Saved(save.session_id, save.revision, draft.due_at, repeated=True)
    if save.revision <= draft.revision:
        return None
    draft.revision, draft.notes = save.revision, save.notes
    draft.saves += 1
    draft.due_at = due_at(
        saved_at=tx.now,
        first_dirty_at=draft.first_dirty_at,
        quiet_period=context.note_quiet_period,
        max_wait=context.note_max_wait,
    )
    return Saved(save.session_id, save.revision, draft.due_at)


def _notes(tx: Transaction, draft: _Draft, session_id: UUID) -> list[dict[str, Any]]:
    if draft.notes is not None:
        return list(draft.notes)
    query = select(NoteDraftRow.notes).where(NoteDraftRow.session_id == session_id)
    standing: list[dict[str, Any]] = tx.session.scalars(query).one()
    return standing


def _values(tx: Transaction, session_id: UUID, draft: _Draft) -> dict[str, Any]:
    return {
        "session_id": session_id,
        "notes": draft.notes,
        "revision": draft.revision,
        "saves": draft.saves,
        "now": tx.now,
        "first_dirty_at": draft.first_dirty_at,
        "due_at": draft.due_at,
    }


#: In the order of ids, so that two of these never wait for each other in a ring. A pending save of a revision
#: that the draft has passed can only be refused, so it is nothing to wait for: one that came late would make
#: commands of all that follow it.
_LOCK = text("""
    SELECT draft.session_id, draft.revision, draft.first_dirty_at, draft.due_at, draft.closed_at,
        ticket.external_id AS ticket, ticket.connection_id,
        EXISTS (
            SELECT FROM command
            WHERE command.ticket_id = ticket.id AND command.state = 'pending' AND (
                command.type = 'notes.save' AND command.session_id = draft.session_id
                AND command.sequence IS NULL AND (command.payload ->> 'revision')::bigint <= draft.revision
            ) IS NOT TRUE
        ) AS has_work
    FROM note_draft draft
        JOIN l1_walk_session walk ON walk.id = draft.session_id
        JOIN ticket ON ticket.id = walk.ticket_id
    WHERE draft.session_id = ANY(:ids) AND draft.account_id = :account
    ORDER BY draft.session_id
    FOR UPDATE OF draft
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)), bindparam("account", type_=Uuid))

#: No column of an index changes while a draft stays dirty, so a typist's saves stay in their page (HOT).
_SAVE = text("""
    UPDATE note_draft SET notes = :notes, revision = :revision, version = version + 1,
        unwritten_saves = unwritten_saves + :saves, saved_at = :now, first_dirty_at = :first_dirty_at,
        due_at = :due_at
    WHERE session_id = :session_id
""").bindparams(bindparam("notes", type_=JSONB))
