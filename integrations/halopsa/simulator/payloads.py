"""The bodies of webhooks. The tenant chooses among them; none has a published schema."""

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from integrations.halopsa.simulator.directory import EventNumber
from integrations.halopsa.simulator.records import stamp

SMALL_TICKET = ("id", "summary", "status_id", "client_id")
SMALL_ACTION = ("id", "ticket_id", "outcome", "who_type")


class Payload(StrEnum):
    """SMALL is "small object with key fields only", FULL everything. IDS has ids for display values and names
    the ticket beside the event; BARE is a tenant's own template with the ticket's fields at the top.
    """

    SMALL = "small"
    FULL = "full"
    IDS = "ids"
    BARE = "bare"


def message(
    payload: Payload,
    event: EventNumber,
    ticket_id: int,
    ticket: dict[str, Any] | None,
    action: dict[str, Any] | None,
    *,
    webhook_id: str,
) -> dict[str, Any]:
    """Return one event's body. Each has a new delivery id."""
    shown = ticket or {"id": ticket_id}
    head = {
        "id": str(uuid.uuid4()),
        "webhook_id": webhook_id,
        "timestamp": stamp(datetime.now(UTC)),
        "event": event.text,
    }
    match payload:
        case Payload.FULL:
            return {**head, "ticket": shown, "action": action}
        case Payload.IDS:
            return {**head, "event_id": event.value, "ticket_id": ticket_id}
        case Payload.BARE:
            return {"event": event.text.title(), **shown}
        case Payload.SMALL:
            return {**head, "ticket": _some(shown, SMALL_TICKET), "action": _some(action or {}, SMALL_ACTION)}


def _some(record: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: record[name] for name in names if name in record}
