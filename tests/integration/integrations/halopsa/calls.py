"""Calls that the tests of HaloPSA's client make often."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.ports import NotePurpose, NotePush, PsaClient, TimePush

ACTIONS = "*/Actions"
MINUTES = timedelta(minutes=1)


def push(
    ticket_id: str, text: str = "done [tw:1]", purpose: NotePurpose = NotePurpose.RESOLUTION
) -> NotePush:
    return NotePush("entry-1", ticket_id, purpose, text, {})


def send(client: PsaClient, ticket_id: str, text: str = "done [tw:1]") -> str:
    return client.send_note(push(ticket_id, text), client.prepare_note(push(ticket_id, text)))


def posted(client: PsaClient, ticket_id: str, body: Any) -> str:
    return client.send_note(push(ticket_id), json.dumps(body).encode())


def action(ticket_id: str, **fields: Any) -> dict[str, Any]:
    return {"ticket_id": int(ticket_id), "outcome_id": 7, "note_html": "<p>x</p>", **fields}


def worked(ticket_id: str, member: str = "17") -> TimePush:
    ended = datetime(2026, 8, 11, 9, 30, tzinfo=UTC)
    return TimePush("entry-2", ticket_id, member, ended - 30 * MINUTES, ended, "worked [tw:2]")
