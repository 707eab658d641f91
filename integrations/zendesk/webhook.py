"""Zendesk's event webhooks: proven authentic, then read. Rules: Zendesk "Verifying webhook authenticity"."""

import base64
import hashlib
import hmac
import re
from typing import Any

from integrations.errors import PayloadError, SignatureError
from integrations.payload import json_object
from integrations.ports import Event, EventKind, Link, WebhookRequest
from integrations.zendesk.mapping import RECORD_ID
from integrations.zendesk.signing import SigningSecrets

SIGNATURE_HEADER = "x-zendesk-webhook-signature"
TIMESTAMP_HEADER = "x-zendesk-webhook-signature-timestamp"

#: In front of each type of a ticket's events (Zendesk "Webhook event types", Ticket events).
TICKET_EVENT = "zen:event-type:ticket."
#: What is no mere change. Whatever else happens to a ticket means: look at it.
KINDS = {
    "created": EventKind.TICKET_CREATED,
    "soft_deleted": EventKind.TICKET_DELETED,
    "permanently_deleted": EventKind.TICKET_DELETED,
}

#: An event's id is a UUID in Zendesk's examples; anything else is left out of the key, never stored.
EVENT_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
MAX_NAME = 40


def verify(request: WebhookRequest, link: Link, secrets: SigningSecrets) -> None:
    """Return only if Zendesk signed these bytes. Raises SignatureError, KeyUnavailableError.

    The age of the timestamp is not judged: whether a retry is signed anew is not documented. A repeat has the
    same dedupe key, so it is stored once.
    """
    signature = request.headers.get(SIGNATURE_HEADER, "").encode("utf-8", "replace")
    timestamp = request.headers.get(TIMESTAMP_HEADER, "")
    if not signature or not timestamp:
        raise SignatureError(f"the header {SIGNATURE_HEADER} or its timestamp is missing")

    def proves(secret: str) -> bool:
        return hmac.compare_digest(signature_of(request.body, timestamp, secret).encode(), signature)

    if not secrets.match(proves, link):
        raise SignatureError("the signature does not match the body")


def signature_of(body: bytes, timestamp: str, secret: str) -> str:
    """Return base64(HMAC-SHA256(secret, timestamp + raw body)), the header's value."""
    signed = timestamp.encode("utf-8", "replace") + body
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def parse(request: WebhookRequest) -> Event:
    """Read an event as a hint: which ticket, and what happened to it. Raises PayloadError."""
    message = json_object(request.body)
    kind = message.get("type")
    dedupe_key = _dedupe_key(message.get("id"), request.body)
    if not isinstance(kind, str):
        # of a trigger or a test, whose bodies are the customer's own
        return Event(EventKind.IGNORED, dedupe_key, reason="the body is no event of Zendesk's")
    if not kind.startswith(TICKET_EVENT):
        return Event(EventKind.IGNORED, dedupe_key, reason=f"the event {_name(kind)} is of no ticket")
    found = KINDS.get(kind.removeprefix(TICKET_EVENT), EventKind.TICKET_CHANGED)
    return Event(found, dedupe_key, ticket_id=_ticket_id(message.get("detail")))


def _ticket_id(detail: Any) -> str:
    """The id is a text in Zendesk's examples; the API itself gives numbers."""
    value = detail.get("id") if isinstance(detail, dict) else None
    text = str(value) if isinstance(value, str) or type(value) is int else ""
    if not RECORD_ID.fullmatch(text):
        raise PayloadError("detail.id is missing or no ticket's")
    return text


def _dedupe_key(event_id: object, body: bytes) -> str:
    """The same event sent again has the same body; that its id alone is unique is not documented."""
    digest = hashlib.sha256(body).hexdigest()
    if isinstance(event_id, str) and EVENT_ID.fullmatch(event_id):
        return f"{event_id}:{digest}"
    return digest


def _name(value: str) -> str:
    return "".join(character for character in value if character.isprintable())[:MAX_NAME]
