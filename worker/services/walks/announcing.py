"""Put what the PSA is to be told in the outbox, in the transaction that closes the walk."""

from typing import Any

from sqlalchemy import select

from integrations.ports import NotePurpose
from worker.db.models import ConnectionRow, OutboxRow, SessionRow, UserRow
from worker.domain.marker import split_text
from worker.domain.summary import WalkReport, summary_text
from worker.domain.triggers import parse_rules
from worker.domain.words import OutboxKind, SessionStatus, TicketKind
from worker.services.walks.report import report_of, walked_path
from worker.services.walks.scene import Scene

#: Room for a part's number and its marker, in characters: "(10/12) [tw:7c1f9e2a]\n".
_PART_HEADER = 40
_PURPOSES = {
    SessionStatus.RESOLVED: NotePurpose.RESOLUTION,
    SessionStatus.ESCALATED: NotePurpose.HANDOFF,
    SessionStatus.ABANDONED: NotePurpose.INTERNAL,
}


def announce(scene: Scene, session: SessionRow, *, abandoned_because: str | None = None) -> None:
    """Add the walk's one summary, and the ticket's new status where the connection's rules name one."""
    connection = _listener(scene)
    if connection is None:
        return
    user = scene.tx.session.get_one(UserRow, session.user_id)
    report = report_of(scene, session, user, abandoned_because=abandoned_because)
    document = _document(scene, session, user)
    parts = _parts(scene, session, report, limit=scene.context.providers[connection.provider].note_limit)
    for number, (mark, text) in enumerate(parts, start=1):
        content = {"text": text, "document": document if number == 1 else {}}
        _add(scene, session, connection, OutboxKind.NOTE, part=number, marker=mark, content=content)
    status = _target_status(connection, session)
    if status:
        _add(scene, session, connection, OutboxKind.STATUS, part=1, marker="", content={"status": status})
    _hint(scene, session)


def _listener(scene: Scene) -> ConnectionRow | None:
    """Return whom to tell. A PSA has no internal ticket; one of its own may happen to bear the same id."""
    if scene.ticket.connection_id is None:
        return None
    connection = scene.tx.session.get_one(ConnectionRow, scene.ticket.connection_id)
    carries_commands = scene.context.providers[connection.provider].carries_commands
    return connection if scene.ticket.kind == TicketKind.PSA or carries_commands else None


def _parts(scene: Scene, session: SessionRow, report: WalkReport, *, limit: int) -> list[tuple[str, str]]:
    """Return (marker, text) of each note; a summary over the provider's limit becomes numbered parts."""
    mark = scene.context.vault.marker(f"{session.id}:1")
    text = summary_text(report, marker=mark)
    if len(text) <= limit:
        return [(mark, text)]
    chunks = split_text(summary_text(report, marker=""), limit=limit - _PART_HEADER)
    marks = [scene.context.vault.marker(f"{session.id}:{number}") for number in range(1, len(chunks) + 1)]
    return [
        (mark, f"({number}/{len(chunks)}) {mark}\n{chunk}")
        for number, (mark, chunk) in enumerate(zip(marks, chunks, strict=True), start=1)
    ]


def _document(scene: Scene, session: SessionRow, user: UserRow) -> dict[str, Any]:
    """Return the walk for programs: what the standard provider's push carries beside the text."""
    return {
        "session_id": str(session.id),
        "ticket_id": scene.ticket.external_id,
        "ticket_kind": session.ticket_kind,
        "status": session.status,
        "kind": session.kind,
        "user": user.email,
        "acting_as": session.acting_as,
        "walked_path": walked_path(scene.tx, session.id),
        "walk_notes": session.walk_notes,
        "helpful": session.helpful,
        "resolution_notes": session.resolution_notes,
        "escalation_reason": session.escalation_reason,
        "escalation_category": session.escalation_category,
    }


def _target_status(connection: ConnectionRow, session: SessionRow) -> str | None:
    rules = parse_rules(connection.rules)
    if session.status == SessionStatus.RESOLVED:
        return rules.on_resolve.status
    if session.status == SessionStatus.ESCALATED:
        return rules.on_escalate.status
    return None


def _add(
    scene: Scene,
    session: SessionRow,
    connection: ConnectionRow,
    kind: OutboxKind,
    *,
    part: int,
    marker: str,
    content: dict[str, Any],
) -> None:
    scene.tx.session.add(
        OutboxRow(
            account_id=session.account_id,
            connection_id=connection.id,
            ticket_id=session.ticket_id,
            session_id=session.id,
            kind=kind.value,
            part=part,
            purpose=_PURPOSES[SessionStatus(session.status)].value,
            content=content,
            marker=marker,
        )
    )


def _hint(scene: Scene, session: SessionRow) -> None:
    """Wake a pusher for the first entry; each entry wakes the next of its ticket."""
    scene.tx.session.flush()
    query = select(OutboxRow.id).where(OutboxRow.session_id == session.id).order_by(OutboxRow.id).limit(1)
    scene.tx.hint(
        "psa.push",
        outbox_id=scene.tx.session.scalars(query).one(),
        account_id=str(session.account_id),
        ticket=scene.ticket.external_id,
        session=str(session.id),
    )
