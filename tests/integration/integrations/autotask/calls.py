"""What the tests of Autotask's client ask it for."""

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote_plus

from integrations.autotask.simulator import RunningSimulator
from integrations.ports import Link, NotePurpose, NotePush, PsaClient, TimePush

NOTES = "*/Notes"
START = datetime(2026, 9, 15, 14, 3, tzinfo=UTC)


def push(
    ticket_id: str, text: str = "done [tw:1]", purpose: NotePurpose = NotePurpose.RESOLUTION
) -> NotePush:
    return NotePush("entry-1", ticket_id, purpose, text, {})


def send(client: PsaClient, ticket_id: str, text: str = "done [tw:1]") -> str:
    return client.send_note(push(ticket_id, text), client.prepare_note(push(ticket_id, text)))


def time_push(ticket_id: str, member: str = "jdoe", text: str = "worked [tw:2]") -> TimePush:
    return TimePush("entry-2", ticket_id, member, START, START + timedelta(minutes=30), text)


def moved(link: Link, base_url: str, *, private: bool) -> Link:
    return Link("c", base_url, link.credentials, link.webhook_secrets, allow_private_hosts=private)


def searches(simulator: RunningSimulator) -> list[str]:
    return [unquote_plus(request.query) for request in simulator.requests("GET", "/query")]
