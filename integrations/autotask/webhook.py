"""Autotask callouts: proven authentic, then read. Rules: Autotask developer help, "Webhooks"."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

from integrations.errors import PayloadError, SignatureError, UnsignedNoticeError
from integrations.payload import MAX_INTEGER, json_object
from integrations.ports import Event, EventKind, Link, WebhookRequest

SIGNATURE_HEADER = "x-hook-signature"
SIGNATURE_PREFIX = "sha1="
#: Longest secret that a webhook's SecretKey takes (developer help, Webhooks entity).
MAX_SECRET = 64

#: `EntityType` as delivered (n8n-nodes-autotask); the plural is what the API calls the same thing.
TICKET = frozenset({"ticket", "tickets"})
TICKET_NOTE = frozenset({"ticketnote", "ticketnotes"})
#: The whole vocabulary of `Action`, but for Deactivated (developer help, "Creating a webhook").
DELETED = "delete"
KINDS = {
    "create": EventKind.TICKET_CREATED,
    "update": EventKind.TICKET_CHANGED,
    DELETED: EventKind.TICKET_DELETED,
}
#: Said when a webhook was switched off or deleted. Undocumented in form and never signed, so it may not
#: change anything by itself (GHSA-hh59-fgrr-93hf: such an event was believed).
DEACTIVATED = "deactivated"

#: The field of a note's callout that names its ticket; registration makes it always displayed.
TICKET_FIELD = "ticketid"
NO_TICKET = (
    "the note's callout does not name its ticket: register the webhooks again; the reconcile finds the note"
)
#: What a deletion's callout holds is not documented; the simulator's holds no fields.
NOTE_DELETED = "the callout of a deleted note names no ticket; the next look at the ticket notices it"

#: Whether `Guid` names the callout or its webhook is not agreed on (NangoHQ/nango: the webhook), so it is
#: only part of the key. Anything that is no GUID is left out of it, never stored.
GUID = re.compile(r"[A-Za-z0-9{}-]{1,64}", re.ASCII)
MAX_NAME = 40


def verify(request: WebhookRequest, link: Link) -> None:
    """Return only if one of the connection's secrets signed these very bytes. Raises SignatureError.

    The body escapes every letter beyond ASCII, so what is parsed and written anew no longer fits.
    """
    header = request.headers.get(SIGNATURE_HEADER, "").encode("utf-8", "replace")
    # every secret is compared, so that the time says nothing about which one fits
    fits = [hmac.compare_digest(signature_of(request.body, key).encode(), header) for key in _keys(link)]
    if any(fits):
        return
    if _is_deactivation(request.body):
        raise UnsignedNoticeError("an unsigned message says that a webhook was switched off")
    missing = "" if header else "missing or "
    raise SignatureError(f"the header {SIGNATURE_HEADER} is {missing}not the body's signature")


def signature_of(body: bytes, key: bytes) -> str:
    """Return `sha1=` and base64(HMAC-SHA1(key, raw body)), the header's value (developer help, sample)."""
    digest = hmac.new(key, body, hashlib.sha1).digest()
    return SIGNATURE_PREFIX + base64.b64encode(digest).decode()


def parse(request: WebhookRequest) -> Event:
    """Read a callout as a hint: which ticket, and what happened to it. Raises PayloadError.

    Its `Fields` are partial, and whether picklists come as ids or names is not documented: only the ticket's
    id is taken from them.
    """
    callout = _folded(json_object(request.body))
    key = _dedupe_key(callout, request.body)
    action = _text(callout, "action").lower()
    if action == DEACTIVATED:
        return Event(EventKind.IGNORED, key, reason="a webhook was switched off: register the webhooks again")
    entity = _text(callout, "entitytype").lower()
    if entity not in TICKET | TICKET_NOTE:
        return Event(EventKind.IGNORED, key, reason=f"the record is a {_shown(entity)}, not a ticket or note")
    if action not in KINDS:
        return Event(EventKind.IGNORED, key, reason=f"the action {_shown(action)} is not known")
    record_id = _record_id(callout.get("id"))
    if record_id is None:
        raise PayloadError("Id is missing or not a positive integer")
    if _is_own(callout, request):
        # a key of its own: the address is not signed, and must not hide the callout from its true one
        return Event(EventKind.IGNORED, f"{key}:own", reason="the change is this service's own")
    if entity in TICKET:
        return Event(KINDS[action], key, ticket_id=record_id)
    return _of_note(callout, key, otherwise=NOTE_DELETED if action == DELETED else NO_TICKET)


def callout_url(url: str, resource_id: str | None) -> str:
    """Return the address to give Autotask: it ends with the resource id of this service, where known.

    That is how a callout tells, without I/O, that it reports a change of ours. Safe to apply twice.
    """
    return f"{plain_url(url, resource_id)}/{resource_id}" if resource_id else url


def plain_url(url: str, resource_id: str | None) -> str:
    """Return the address without the resource id at its end."""
    return url.removesuffix(f"/{resource_id}") if resource_id else url


def _keys(link: Link) -> list[bytes]:
    return [secret.encode() for secret in link.webhook_secrets if secret]


def _is_deactivation(body: bytes) -> bool:
    try:
        action = _folded(json_object(body)).get("action")
    except PayloadError:
        return False
    return isinstance(action, str) and action.lower() == DEACTIVATED


def _is_own(callout: Mapping[str, Any], request: WebhookRequest) -> bool:
    own = request.appended.strip("/")
    return bool(own) and _record_id(callout.get("personid")) == own


def _of_note(callout: Mapping[str, Any], key: str, *, otherwise: str) -> Event:
    fields = callout.get("fields")
    ticket_id = _record_id(_folded(fields).get(TICKET_FIELD)) if isinstance(fields, dict) else None
    if ticket_id is None:
        return Event(EventKind.IGNORED, key, reason=otherwise)
    return Event(EventKind.TICKET_CHANGED, key, ticket_id=ticket_id)


def _folded(members: Mapping[str, Any]) -> dict[str, Any]:
    """Lower-case names: sources disagree on `PersonID` and `PersonId`."""
    return {name.lower(): value for name, value in members.items()}


def _text(callout: Mapping[str, Any], name: str) -> str:
    value = callout.get(name)
    if not isinstance(value, str) or not value:
        raise PayloadError(f"{name} is missing or not a text")
    return value


def _record_id(value: object) -> str | None:
    if (
        isinstance(value, str)
        and value.isascii()
        and value.isdecimal()
        and len(value) < len(str(MAX_INTEGER))
    ):
        value = int(value)
    return str(value) if type(value) is int and 0 < value <= MAX_INTEGER else None


def _shown(value: str) -> str:
    return "".join(character for character in value if character.isprintable())[:MAX_NAME]


def _dedupe_key(callout: Mapping[str, Any], body: bytes) -> str:
    """The digest of the body covers EntityType, Id, Action and EventTime."""
    digest = hashlib.sha256(body).hexdigest()
    guid, sequence = callout.get("guid"), callout.get("sequencenumber")
    named = guid if isinstance(guid, str) and GUID.fullmatch(guid) else ""
    number = str(sequence) if type(sequence) is int and 0 <= sequence <= MAX_INTEGER else ""
    return ":".join(part for part in (named, number, digest) if part)
