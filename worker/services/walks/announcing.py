"""Put what the PSA is to be told in the outbox, in the transaction that closes the walk."""

from typing import Any

from sqlalchemy import select

from integrations.ports import NotePurpose
from worker.db.models import ConnectionRow, OutboxRow, SessionRow, UserRow
from worker.domain.marker import split_text
from worker.domain.summary import WalkReport, summary_text
from worker.domain.time_entry import time_spent, time_text
from worker.domain.triggers import OnEscalate, parse_rules
from worker.domain.words import OutboxKind, SessionStatus, TicketKind
from worker.services.hinting import hint_entry
from worker.services.walks.report import report_of, walked_path
from worker.services.walks.scene import Scene

#: Room for a part's number and its marker, in characters: "(10/12) [tw:7c1f9e2a]\n".
_PART_HEADER = 40


def announce(scene: Scene, session: SessionRow, *, abandoned_because: str | None = None) -> None:
    """Add the walk's one summary; and its time and the ticket's new status where the rules say so."""
    connection = _listener(scene)
    if connection is None:
        return
    user = scene.tx.session.get_one(UserRow, session.user_id)
    report = report_of(scene, session, user, abandoned_because=abandoned_because)
    document = _document(scene, session, user)
    parts = _parts(scene, session, report, limit=scene.context.providers[connection.provider].note_limit)
    purpose = _purpose(connection, session)
    for number, (mark, text) in enumerate(parts, start=1):
        content = {"text": text, "document": document if number == 1 else {}}
        _add(scene, session, connection, purpose, part=number, marker=mark, content=content)
    _add_time(scene, session, connection, user)
    rules = _rules_of_end(connection, session)
    if rules is not None and rules.status:
        _add(scene, session, connection, OutboxKind.STATUS, content={"status": rules.status})
    _hint(scene, session)


def _add_time(scene: Scene, session: SessionRow, connection: ConnectionRow, user: UserRow) -> None:
    """The measured time, before the status: a closed ticket may take none. Only for whom the PSA knows."""
    rules = _rules_of_end(connection, session)
    if rules is None or not rules.time or user.psa_member_id is None:
        return
    marker = scene.context.vault.marker(f"{session.id}:time")
    spent = time_spent(session.started_at, scene.tx.now)
    content = {
        "member": user.psa_member_id,
        "started_at": spent.started_at.isoformat(),
        "ended_at": spent.ended_at.isoformat(),
        "text": time_text(SessionStatus(session.status), marker=marker),
    }
    _add(scene, session, connection, OutboxKind.TIME, marker=marker, content=content)


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


def _rules_of_end(connection: ConnectionRow, session: SessionRow) -> OnEscalate | None:
    """Return what the connection's rules say of this outcome; an abandoned walk has no rules."""
    rules = parse_rules(connection.rules)
    if session.status == SessionStatus.RESOLVED:
        return rules.on_resolve
    return rules.on_escalate if session.status == SessionStatus.ESCALATED else None


def _purpose(connection: ConnectionRow, session: SessionRow) -> NotePurpose:
    if session.status == SessionStatus.RESOLVED:
        return NotePurpose(parse_rules(connection.rules).on_resolve.note)
    return NotePurpose.HANDOFF if session.status == SessionStatus.ESCALATED else NotePurpose.INTERNAL


def _add(
    scene: Scene,
    session: SessionRow,
    connection: ConnectionRow,
    what: NotePurpose | OutboxKind,
    *,
    content: dict[str, Any],
    marker: str = "",
    part: int = 1,
) -> None:
    kind = OutboxKind.NOTE if isinstance(what, NotePurpose) else what
    scene.tx.session.add(
        OutboxRow(
            account_id=session.account_id,
            connection_id=connection.id,
            ticket_id=session.ticket_id,
            session_id=session.id,
            kind=kind.value,
            part=part,
            purpose=what.value,
            content=content,
            marker=marker,
        )
    )


def _hint(scene: Scene, session: SessionRow) -> None:
    """Wake a pusher for the first entry; each entry wakes the next of its ticket."""
    scene.tx.session.flush()
    query = select(OutboxRow.id).where(OutboxRow.session_id == session.id).order_by(OutboxRow.id).limit(1)
    hint_entry(
        scene.tx,
        scene.tx.session.scalars(query).one(),
        account_id=session.account_id,
        ticket=scene.ticket.external_id,
        session_id=session.id,
    )
