"""What a callout says, and how Autotask writes and signs it."""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from integrations.autotask.simulator.picklists import WEBHOOK_FIELDS
from integrations.autotask.simulator.records import Webhook
from integrations.autotask.simulator.world import Change
from integrations.autotask.webhook import signature_of
from integrations.simulation.sending import SUCCESS

#: What Autotask's JSON writes as \uXXXX though JSON need not: & < > ' " ` + and all beyond ASCII.
_ESCAPED = re.compile(r"\\\\|\\u[0-9a-f]{4}|\\\"|[&<>'`+]")
_PAIR = "\\\\"


@dataclass(slots=True)
class Delivery:
    """One callout sent. `answers` has a status, or a reason why there was none, for each attempt."""

    entity: str
    webhook_id: int
    sequence: int
    url: str
    body: bytes = field(repr=False)
    signature: str | None = field(repr=False)
    answers: list[int | str] = field(default_factory=list)
    done: bool = False

    @property
    def taken(self) -> bool:
        return bool(self.answers) and self.answers[-1] in SUCCESS


def vendor_json(message: dict[str, Any]) -> bytes:
    """Return JSON as Autotask writes it: upper-case escapes for many characters (n8n-nodes-autotask)."""
    return _ESCAPED.sub(_escape, json.dumps(message, separators=(",", ":"))).encode()


def _escape(match: re.Match[str]) -> str:
    found = match.group()
    if found == _PAIR:
        return found
    if found.startswith("\\u"):
        return "\\u" + found[2:].upper()
    return f"\\u{ord(found[-1]):04X}"


def payload_fields(webhook: Webhook, change: Change) -> dict[str, Any] | None:
    """Return the partial `Fields`; None where nothing changed that the webhook subscribed to."""
    names = WEBHOOK_FIELDS[webhook.entity]
    subscribed = {names[one.field_id] for one in webhook.fields.values() if one.subscribed}
    displayed = {names[one.field_id] for one in webhook.fields.values() if one.displayed}
    if change.action == "Delete":
        return {}
    shown = subscribed if change.action == "Create" else subscribed & change.changed
    if change.action == "Update" and not shown:
        return None
    return {name: change.values[name] for name in sorted(shown | displayed)}


def make_delivery(webhook: Webhook, change: Change, fields: dict[str, Any]) -> Delivery:
    message: dict[str, Any] = {
        "Action": change.action,
        "Guid": webhook.guid,
        "EntityType": change.entity,
        "Id": change.record_id,
        "Fields": fields,
        "EventTime": _event_time(),
        "SequenceNumber": webhook.sequence,
        "PersonID": change.person,
    }
    if change.action == "Delete":
        del message["Fields"]
    body = vendor_json(message)
    signature = signature_of(body, webhook.body.secret_key.encode())
    url = webhook.body.webhook_url
    return Delivery(webhook.entity, webhook.id, webhook.sequence, url, body, signature)


def make_deactivation(webhook: Webhook) -> Delivery:
    """Its form is not documented; it is not signed."""
    message = {
        "Action": "Deactivated",
        "Guid": webhook.guid,
        "EntityType": webhook.entity,
        "Id": webhook.id,
        "EventTime": _event_time(),
        "SequenceNumber": webhook.sequence,
    }
    url = webhook.body.deactivation_url
    return Delivery(webhook.entity, webhook.id, webhook.sequence, url, vendor_json(message), signature=None)


def _event_time() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
