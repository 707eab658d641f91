"""Save notes into the session's draft, and write the draft to the walk.

The draft is state, not a message: one row a session, written to the walk once per pause. A save touches
only that row; `due_at` says when the sweep has it flushed. The clock is the database's.
"""

from typing import Any

from sqlalchemy import select

from worker.db.models import CommandRow, NoteDraftRow, SessionRow
from worker.db.unit_of_work import Transaction
from worker.domain.notes import due_at, ensure_fits, ensure_newer, merge_ticket_notes
from worker.domain.requests import AddTicketNotes, SaveNotes
from worker.domain.walk import ensure_active
from worker.services.walks.scene import Effect, Scene, walk_of


def save_notes(scene: Scene, command: CommandRow, request: SaveNotes) -> Effect:
    """Make the newest revision durable. Refuses a closed walk and a revision that is not newer."""
    session = scene.session_of(command)
    ensure_active(walk_of(session))
    scene.actor(request.user, session)
    draft = locked_draft(scene.tx, session)
    revision = request.revision if request.revision is not None else draft.revision + 1
    ensure_newer(revision=revision, current=draft.revision)
    return _save(scene, session, draft, request.notes, revision)


def add_ticket_notes(scene: Scene, command: CommandRow, request: AddTicketNotes) -> Effect:
    """Put notes typed in the PSA ticket into the same list; an edited note replaces itself."""
    session = scene.session_of(command)
    ensure_active(walk_of(session))
    draft = locked_draft(scene.tx, session)
    merged = merge_ticket_notes(draft.notes, request.notes)
    ensure_fits(merged)
    return _save(scene, session, draft, merged, draft.revision + 1)


def flush(tx: Transaction, session: SessionRow) -> int | None:
    """Write the draft to the walk if it is dirty. Return the revision written, None where nothing was.

    The caller holds the ticket's lock, so no turn on the ticket runs meanwhile; a save that arrives waits for
    it and leaves the row dirty again.
    """
    draft = tx.session.scalars(
        select(NoteDraftRow)
        .where(NoteDraftRow.session_id == session.id, NoteDraftRow.due_at.is_not(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if draft is None:
        return None
    session.walk_notes = draft.notes
    session.last_step_at = tx.now
    draft.written_revision = draft.revision
    draft.first_dirty_at = draft.due_at = None
    return draft.revision


def locked_draft(tx: Transaction, session: SessionRow) -> NoteDraftRow:
    """Return the session's draft with its row locked: a flush and a save take turns on it."""
    query = select(NoteDraftRow).where(NoteDraftRow.session_id == session.id).with_for_update()
    draft = tx.session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if draft is None:
        draft = NoteDraftRow(
            session_id=session.id,
            account_id=session.account_id,
            notes=list(session.walk_notes),
            revision=0,
            written_revision=0,
        )
        tx.session.add(draft)
    return draft


def _save(
    scene: Scene, session: SessionRow, draft: NoteDraftRow, notes: list[dict[str, Any]], revision: int
) -> Effect:
    draft.notes = notes
    draft.revision = revision
    draft.first_dirty_at = draft.first_dirty_at or scene.tx.now
    draft.due_at = due_at(
        saved_at=scene.tx.now,
        first_dirty_at=draft.first_dirty_at,
        quiet_period=scene.context.note_quiet_period,
        max_wait=scene.context.note_max_wait,
    )
    return Effect({"session_id": str(session.id), "revision": revision, "due_at": draft.due_at.isoformat()})
