"""What an outbox entry says to the PSA."""

from collections.abc import Sequence
from datetime import datetime

from integrations.ports import NotePurpose, NotePush, PsaClient, TimePush
from worker.db.models import OutboxRow
from worker.domain.words import OutboxKind


def prepare(client: PsaClient, entry: OutboxRow, ticket_id: str) -> bytes:
    """Return the exact bytes of a time entry; the PSA may be asked what it calls things."""
    return client.prepare_time(time_of(entry, ticket_id))


def send(client: PsaClient, entry: OutboxRow, ticket_id: str) -> str | None:
    """Tell the PSA, once. Return the PSA's id for it, where it has one."""
    if entry.kind == OutboxKind.STATUS:
        client.set_status(ticket_id, entry.content["status"])
        return None
    assert entry.request_body is not None  # made before it was claimed for sending
    if entry.kind == OutboxKind.TIME:
        return client.send_time(time_of(entry, ticket_id), entry.request_body)
    return client.send_note(note_of(entry, ticket_id), entry.request_body)


def find(client: PsaClient, entry: OutboxRow, ticket_id: str) -> Sequence[str]:
    """Return the PSA's ids of what carries the entry's marker, oldest first."""
    look = client.find_time if entry.kind == OutboxKind.TIME else client.find_note
    return look(ticket_id, entry.marker)


def note_of(entry: OutboxRow, ticket_id: str) -> NotePush:
    """Return the note that an entry is."""
    return NotePush(
        entry_id=f"tw-{entry.session_id}-{entry.part}",
        ticket_id=ticket_id,
        purpose=NotePurpose(entry.purpose),
        text=entry.content["text"],
        document=entry.content["document"],
    )


def time_of(entry: OutboxRow, ticket_id: str) -> TimePush:
    """Return the time entry that an entry is."""
    return TimePush(
        entry_id=f"tw-{entry.session_id}-time",
        ticket_id=ticket_id,
        member=entry.content["member"],
        started_at=datetime.fromisoformat(entry.content["started_at"]),
        ended_at=datetime.fromisoformat(entry.content["ended_at"]),
        text=entry.content["text"],
    )
