"""ConnectWise callbacks: proven authentic, then read. Rules: ConnectWise "PSA Callbacks", Developer Guide."""

import base64
import hashlib
import hmac
import re
from typing import Any
from urllib.parse import parse_qsl, unquote

from integrations.addresses import BlockedAddressError, check_url
from integrations.connectwise.keys import SigningKeys
from integrations.errors import PayloadError, SignatureError
from integrations.payload import MAX_INTEGER, json_object
from integrations.ports import Event, EventKind, Link, WebhookRequest

SIGNATURE_HEADER = "x-content-signature"

#: Where ConnectWise's cloud serves signing keys (examples on the PSA Callbacks page; NangoHQ/nango's list).
CLOUD_DOMAINS = (".myconnectwise.net", ".connectwisedev.com")
HTTPS_PORT = 443
#: Region na has its API on api-na.… and its keys on na.… (captured callbacks in amp-labs/connectors).
API_HOST_PREFIX = "api-"
#: The cloud serves every tenant's keys from shared hosts; this parameter names the tenant.
COMPANY_PARAMETER = "companyname"

TICKET = "ticket"
#: The whole vocabulary of `Action` (Developer Guide).
KINDS = {
    "added": EventKind.TICKET_CREATED,
    "updated": EventKind.TICKET_CHANGED,
    "deleted": EventKind.TICKET_DELETED,
}

#: MessageId is a GUID in every captured callback; anything else is left out of the key, never stored.
MESSAGE_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
MAX_NAME = 40
MAX_KEY_URL = 2000


#: Part of every key address that was seen (Developer Guide; test data of amp-labs/connectors).
KEY_PATH_PART = "/callbackkey"


def verify(request: WebhookRequest, link: Link, keys: SigningKeys) -> None:
    """Return only if ConnectWise signed these bytes with the key of the connection's own company.

    The body must be read first, for it names its key. Raises PayloadError, SignatureError,
    KeyUnavailableError.
    """
    callback = _folded(json_object(request.body))
    signature = request.headers.get(SIGNATURE_HEADER, "")
    if not signature:
        raise SignatureError(f"the header {SIGNATURE_HEADER} is missing")
    company = link.credentials["company"]
    if not _same(callback.get("companyid"), company):
        raise SignatureError("CompanyId is not the connection's company")
    key_url = _key_url(callback)
    _require_own_key_url(key_url, link, company)
    if not keys.matches(
        lambda key: _signed(request.body, key, signature),
        connection_id=link.connection_id,
        key_url=key_url,
        allow_private_hosts=link.allow_private_hosts,
    ):
        raise SignatureError("the signature does not match the body")


def signature_of(body: bytes, key: bytes) -> str:
    """Return base64(HMAC-SHA256(key, raw body)), the header's value (Developer Guide, C# sample)."""
    return base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()


def parse(request: WebhookRequest) -> Event:
    """Read a callback as a hint: which ticket, and what happened to it. Raises PayloadError.

    The same message sent again has the same body, so its hash names it; whether MessageId alone would is
    not documented.
    """
    callback = _folded(json_object(request.body))
    kind, action = _text(callback, "type").lower(), _text(callback, "action").lower()
    _require_readable_entity(callback.get("entity"))
    dedupe_key = _dedupe_key(callback.get("messageid"), request.body)
    if kind != TICKET:
        return Event(EventKind.IGNORED, dedupe_key, reason=f"the record is a {_name(kind)}, not a ticket")
    if action not in KINDS:
        return Event(EventKind.IGNORED, dedupe_key, reason=f"the action {_name(action)} is not known")
    return Event(KINDS[action], dedupe_key, ticket_id=_ticket_id(callback))


def _folded(callback: dict[str, Any]) -> dict[str, Any]:
    """Lower-case names: `Metadata` and `metadata` have both been seen (dsrosen6/go-connectwise-psa)."""
    return {name.lower(): value for name, value in callback.items()}


def _key_url(callback: dict[str, Any]) -> str:
    metadata = callback.get("metadata")
    key_url = _folded(metadata).get("key_url") if isinstance(metadata, dict) else None
    if not isinstance(key_url, str) or not 0 < len(key_url) <= MAX_KEY_URL:
        raise SignatureError("Metadata.key_url is missing, so the signature cannot be checked")
    return key_url


def _require_own_key_url(key_url: str, link: Link, company: str) -> None:
    """The body is not trusted yet: its key must come from ConnectWise, and belong to this very company.

    Anyone can read the key of their own tenant on the shared hosts and sign any body with it.
    """
    try:
        parts = check_url(key_url, allow_private_hosts=link.allow_private_hosts)
        own_host = check_url(link.base_url, allow_private_hosts=True).hostname or ""
    except BlockedAddressError as error:
        raise SignatureError(f"key_url refused: {error}") from None
    host = parts.hostname or ""
    shared = host.endswith(CLOUD_DOMAINS)
    if host not in {own_host, own_host.removeprefix(API_HOST_PREFIX)}:
        raise SignatureError("key_url is not on the connection's own host")
    if not link.allow_private_hosts and not (
        parts.port in {None, HTTPS_PORT} and _is_key_path(unquote(parts.path).lower())
    ):
        raise SignatureError("key_url is not where ConnectWise keeps its keys")
    companies = [v for name, v in parse_qsl(parts.query) if name.lower() == COMPANY_PARAMETER]
    if (shared and len(companies) != 1) or not all(_same(name, company) for name in companies):
        raise SignatureError("key_url is not of the connection's company")


def _is_key_path(path: str) -> bool:
    """A path that goes up again, also where a server decodes it only then, leads somewhere else."""
    return KEY_PATH_PART in path and ".." not in path and "%" not in path


def _signed(body: bytes, key: bytes, signature: str) -> bool:
    expected = signature_of(body, key).encode()
    return hmac.compare_digest(expected, signature.encode("utf-8", "replace"))


def _same(value: object, company: str) -> bool:
    return isinstance(value, str) and value.casefold() == company.casefold()


def _text(callback: dict[str, Any], name: str) -> str:
    value = callback.get(name)
    if not isinstance(value, str) or not value:
        raise PayloadError(f"{name} is missing or not a text")
    return value


def _name(value: str) -> str:
    return "".join(character for character in value if character.isprintable())[:MAX_NAME]


def _ticket_id(callback: dict[str, Any]) -> str:
    value = callback.get("id")
    if type(value) is not int or not 0 < value <= MAX_INTEGER:
        raise PayloadError("ID is missing or not a positive integer")
    return str(value)


def _require_readable_entity(entity: object) -> None:
    """`Entity` is JSON inside JSON, null on delete. It is only a summary; the ticket is fetched anyway."""
    if entity is None or isinstance(entity, dict):
        return
    if not isinstance(entity, str):
        raise PayloadError("Entity is not a text")
    try:
        json_object(entity)
    except PayloadError:
        raise PayloadError("Entity is not a JSON object in a text") from None


def _dedupe_key(message_id: object, body: bytes) -> str:
    digest = hashlib.sha256(body).hexdigest()
    if isinstance(message_id, str) and MESSAGE_ID.fullmatch(message_id):
        return f"{message_id}:{digest}"
    return digest
