"""Incoming Standard Webhooks: proven authentic, then read as commands."""

from integrations.errors import PayloadError, SignatureError
from integrations.payload import MAX_INTEGER, is_storable_text, json_object, require_storable
from integrations.ports import Event, EventKind, Link, WebhookRequest
from integrations.standard.signature import ID, TIMESTAMP, TOLERANCE_SECONDS, is_signed, secret_key

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

MAX_TYPE = 100
MAX_TICKET_ID = 100


def verify(request: WebhookRequest, link: Link) -> None:
    """Return only if one of the link's secrets signed these bytes within the last, or next, 5 minutes."""
    message_id = _message_id(request)
    timestamp = request.headers.get(TIMESTAMP_HEADER, "")
    if not TIMESTAMP.fullmatch(timestamp):
        raise SignatureError(f"the header {TIMESTAMP_HEADER} is missing or not whole seconds")
    if abs(request.received_at.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        raise SignatureError(f"the message is more than {TOLERANCE_SECONDS} seconds old or ahead")
    signatures = request.headers.get(SIGNATURE_HEADER, "")
    if not signatures:
        raise SignatureError(f"the header {SIGNATURE_HEADER} is missing")
    if not is_signed(_keys(link), message_id, timestamp, request.body, signatures):
        raise SignatureError("no signature matches the message")


def parse(request: WebhookRequest) -> Event:
    """Read the command out of `{"type", "data"}`; other members are ignored. Raises PayloadError."""
    try:
        message_id = _message_id(request)
    except SignatureError as error:
        raise PayloadError(str(error)) from None
    body = json_object(request.body)
    kind, data = body.get("type"), body.get("data")
    if not isinstance(kind, str) or not 0 < len(kind) <= MAX_TYPE or not kind.isprintable():
        raise PayloadError("type is missing or not a short text")
    if not isinstance(data, dict):
        raise PayloadError("data is missing or not an object")
    require_storable(data)
    return Event(
        EventKind.COMMAND,
        dedupe_key=message_id,
        ticket_id=_ticket_id(data.get("ticket_id")),
        command={"type": kind, "data": data},
    )


def _message_id(request: WebhookRequest) -> str:
    message_id = request.headers.get(ID_HEADER, "")
    if not ID.fullmatch(message_id):
        raise SignatureError(f"the header {ID_HEADER} is missing, too long or not printable")
    return message_id


def _keys(link: Link) -> list[bytes]:
    try:
        return [secret_key(secret) for secret in link.webhook_secrets]
    except ValueError as error:
        raise SignatureError(f"the connection's webhook secret cannot be used: {error}") from None


def _ticket_id(value: object) -> str | None:
    """A ticket id may be sent as a number or a text; what it means is the command's own business."""
    if type(value) is int and abs(value) <= MAX_INTEGER:
        return str(value)
    if isinstance(value, str) and 0 < len(value) <= MAX_TICKET_ID and is_storable_text(value):
        return value
    return None
