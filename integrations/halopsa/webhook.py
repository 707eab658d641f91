"""HaloPSA's webhooks: proven by what only the connection's own HaloPSA was told, then read as hints."""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from integrations.errors import PayloadError, SignatureError
from integrations.payload import MAX_INTEGER, json_value
from integrations.ports import Event, EventKind, Link, WebhookRequest

#: HaloPSA signs nothing (NangoHQ/nango checks Basic, and no signature is documented): so two things that a
#: stranger cannot know must both be right, the Basic credentials and a word in the path.
AUTHORIZATION_HEADER = "authorization"
TOKEN_PURPOSE = "ticketwalk halopsa "  # noqa: S105 (not a secret)
#: The same words whatever was wrong, so that nobody learns which half they have.
NOT_AUTHENTIC = "the user name, the password or the address is not the one this connection gave to HaloPSA"
#: Shorter passwords can be guessed. RFC 7617 allows no colon in the user name.
MIN_PASSWORD = 16

#: Events by their text in lower case (names of HaloPSA's notification events, redanthrax/halopsa-node). Their
#: numbers may differ by version. Any other text changes nothing but the need to look: TICKET_CHANGED.
KINDS = {
    "new ticket logged": EventKind.TICKET_CREATED,
    "ticket deleted": EventKind.TICKET_DELETED,
}

#: A delivery's own id, where the payload has one, is a GUID (field of HaloPSA's WebhookEvent log entry).
DELIVERY_ID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{4,40}", re.ASCII)
DIGITS = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)

#: Batching is on demand of the tenant, who sets its size. More than this is accepted and left to the
#: reconcile: refused, it would count towards HaloPSA's automatic switch-off, and would not be sent again.
MAX_EVENTS = 500


def verify(request: WebhookRequest, link: Link) -> None:
    """Return only if user name, password and path word are those of one valid secret. Raises SignatureError.

    Every secret is compared in full, in constant time: two are valid while one is being replaced.
    """
    given = _basic(request.headers.get(AUTHORIZATION_HEADER, ""))
    word = request.appended.strip("/").encode("utf-8", "replace")
    proven = False
    for secret in link.webhook_secrets:
        known = hmac.compare_digest(given, secret.encode())
        addressed = hmac.compare_digest(word, path_word(secret, link.connection_id).encode())
        proven |= known & addressed
    if not proven:
        raise SignatureError(NOT_AUTHENTIC)


def path_word(secret: str, connection_id: str) -> str:
    """Return the 43 characters that end the webhook's address: HMAC-SHA256 in base64url without padding."""
    message = f"{TOKEN_PURPOSE}{connection_id}".encode()
    digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def check_secret(secret: str) -> None:
    """Raise ValueError with one plain sentence where the secret is not `user:password`."""
    user, colon, password = secret.partition(":")
    if not (user and colon):
        raise ValueError("the webhook secret of HaloPSA is user:password, as HaloPSA will send them")
    if len(password) < MIN_PASSWORD:
        raise ValueError(f"the password in the webhook secret needs at least {MIN_PASSWORD} characters")
    if not (secret.isascii() and secret.isprintable()):
        raise ValueError("the webhook secret contains a character that no header may carry")


def parse(request: WebhookRequest) -> Sequence[Event]:
    """Read a delivery as hints: which tickets, and what happened to each. Raises PayloadError.

    HaloPSA publishes no schema: the tenant chooses among four payloads, ids or display values, and batching.
    """
    value = json_value(request.body)
    if isinstance(value, dict):
        return (_event(value, request.body),)
    if not isinstance(value, list):
        raise PayloadError("the body is neither a JSON object nor an array of them")
    if not value:
        raise PayloadError("the array holds no event")
    if len(value) > MAX_EVENTS:
        reason = f"the delivery holds {len(value)} events, more than {MAX_EVENTS}: left to the reconcile"
        return (Event(EventKind.IGNORED, _digest(request.body), reason=reason),)
    return _batch(value)


def _batch(entries: list[Any]) -> list[Event]:
    """One event for each entry. Of equal entries, the second and later keys get a number."""
    seen: Counter[bytes] = Counter()
    events = []
    for entry in entries:
        part = json.dumps(entry, separators=(",", ":")).encode()
        seen[part] += 1
        events.append(_event(entry, part, copy=seen[part], body=part))
    return events


def _event(entry: Any, part: bytes, *, copy: int = 1, body: bytes | None = None) -> Event:
    folded = _folded(entry)
    key = _dedupe_key(folded, part) + (f":{copy}" if copy > 1 else "")
    if not isinstance(entry, dict):
        return Event(EventKind.IGNORED, key, reason="the entry is not an object", body=body)
    ticket_id = _ticket_id(folded)
    if ticket_id is None:
        return Event(EventKind.IGNORED, key, reason="the event names no ticket", body=body)
    said = folded.get("event")
    text = said.strip().lower() if isinstance(said, str) else ""
    return Event(KINDS.get(text, EventKind.TICKET_CHANGED), key, ticket_id=ticket_id, body=body)


def _folded(value: Any) -> dict[str, Any]:
    return {str(name).lower(): item for name, item in value.items()} if isinstance(value, dict) else {}


def _ticket_id(entry: dict[str, Any]) -> str | None:
    """The first that is a whole number: the payloads name the ticket in different places.

    A top-level `id` comes last: it may be the delivery's (a GUID) or an action's, whose ticket stands beside.
    """
    ticket, action = _folded(entry.get("ticket")), _folded(entry.get("action"))
    places = (ticket.get("id"), entry.get("ticket_id"), action.get("ticket_id"), entry.get("id"))
    return next((number for number in map(_number, places) if number is not None), None)


def _number(value: object) -> str | None:
    if type(value) is int and 0 < value <= MAX_INTEGER:
        return str(value)
    return value if isinstance(value, str) and DIGITS.fullmatch(value) else None


def _dedupe_key(entry: dict[str, Any], part: bytes) -> str:
    """Whether a redelivery keeps its id is not documented, so the content is part of the key."""
    delivery_id = entry.get("id")
    if isinstance(delivery_id, str) and DELIVERY_ID.fullmatch(delivery_id):
        return f"{delivery_id}:{_digest(part)}"
    return _digest(part)


def _digest(part: bytes) -> str:
    return hashlib.sha256(part).hexdigest()


def _basic(header: str) -> bytes:
    """Return `user:password` of a Basic header (RFC 7617), nothing where it is not one."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(token.strip().encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return b""
