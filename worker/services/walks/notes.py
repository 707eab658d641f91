"""Notes that come through their ticket's lane: saves that must keep its order, and notes typed in the ticket.

Both change only the draft, which `worker.services.notes` writes to the walk once per pause.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from worker.db.models import CommandRow, NoteDraftRow, SessionRow
from worker.db.unit_of_work import Transaction
from worker.domain.notes import due_at, ensure_fits, ensure_newer, put_in
from worker.domain.requests import AddTicketNotes, SaveNotes
from worker.domain.walk import ensure_active
from worker.domain.words import Outcome
from worker.services.notes.writing import write_drafts
from worker.services.walks.scene import Effect, Scene, walk_of


def save_notes(scene: Scene, command: CommandRow, request: SaveNotes) -> Effect:
    """Make the newest revision durable. Refuses a closed walk and a revision that is not newer.

    The same once more is no error: whoever had no answer says it again.
    """
    session = scene.session_of(command)
    ensure_active(walk_of(session))
    scene.actor(request.user, session)
    draft = _locked_draft(scene.tx, session)
    if request.revision == draft.revision and request.notes == draft.notes:
        return Effect(_result(draft), Outcome.DUPLICATE)
    revision = request.revision if request.revision is not None else draft.revision + 1
    ensure_newer(revision=revision, current=draft.revision)
    draft.notes = request.notes
    draft.revision = revision
    return _save(scene, draft)


def add_ticket_notes(scene: Scene, command: CommandRow, request: AddTicketNotes) -> Effect:
    """Put notes typed in the PSA ticket into the walk's list; a newer wording replaces the older one."""
    session = scene.session_of(command)
    ensure_active(walk_of(session))
    draft = _locked_draft(scene.tx, session)
    merged = put_in(draft.ticket_notes, request.notes)
    ensure_fits(merged)
    draft.ticket_notes = merged
    return _save(scene, draft)


def flush(scene: Scene, session: SessionRow) -> None:
    """Write the draft to the walk now, whether its pause is over or not."""
    _lock(scene.tx, session.id)
    write_drafts(scene.tx, scene.context, [session.id])
    # also where nothing was left to write: the flush that was waited for wrote it after this turn had looked
    scene.tx.session.refresh(session, ["walk_notes", "last_step_at"])


def close(scene: Scene, session: SessionRow) -> None:
    """Flush, and take no more saves: one that comes now waits for this transaction, and is refused then."""
    draft = _locked_draft(scene.tx, session)
    flush(scene, session)
    draft.closed_at = scene.tx.now


def _lock(tx: Transaction, session_id: UUID) -> None:
    """The session first, then its draft: a flush takes them in this order too."""
    tx.session.execute(
        select(SessionRow.id).where(SessionRow.id == session_id).with_for_update(key_share=True)
    )


def _locked_draft(tx: Transaction, session: SessionRow) -> NoteDraftRow:
    """Return the session's draft as it is now, locked."""
    _lock(tx, session.id)
    query = select(NoteDraftRow).where(NoteDraftRow.session_id == session.id).with_for_update()
    return tx.session.scalars(query.execution_options(populate_existing=True)).one()


def _save(scene: Scene, draft: NoteDraftRow) -> Effect:
    draft.version += 1
    draft.unwritten_saves += 1
    draft.saved_at = scene.tx.now
    draft.first_dirty_at = draft.first_dirty_at or scene.tx.now
    draft.due_at = due_at(
        saved_at=scene.tx.now,
        first_dirty_at=draft.first_dirty_at,
        quiet_period=scene.context.note_quiet_period,
        max_wait=scene.context.note_max_wait,
    )
    return Effect(_result(draft))


def _result(draft: NoteDraftRow) -> dict[str, Any]:
    """Return what the sender is told; nothing is due where all of it stands in the walk already."""
    due_at = draft.due_at.isoformat() if draft.due_at else None
    return {"session_id": str(draft.session_id), "revision": draft.revision, "due_at": due_at}
