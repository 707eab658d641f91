"""Standard Webhooks signatures, version v1, over raw bytes. Rules: the open specification, 1.0.0."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable

SECRET_PREFIX = "whsec_"  # noqa: S105 (the public prefix of every secret)
#: The specification's bounds for a symmetric secret.
MIN_SECRET_BYTES = 24
MAX_SECRET_BYTES = 64

VERSION = "v1,"
#: A rotation signs with two keys; a header of thousands of entries is an attack on the comparison.
MAX_SIGNATURES = 16

#: The id becomes a key in the database and part of log lines: bounded, printable, without spaces.
ID = re.compile(r"[\x21-\x7e]{1,256}", re.ASCII)
#: Whole seconds only. A float or an exponent would let one signature pass under several spellings.
TIMESTAMP = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
#: The libraries of the specification allow 5 minutes, in both directions.
TOLERANCE_SECONDS = 300


def secret_key(secret: str) -> bytes:
    """Return the key of a `whsec_…` secret. Raises ValueError with one plain sentence."""
    if not secret.startswith(SECRET_PREFIX):
        raise ValueError("a webhook secret starts with whsec_")
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a webhook secret is whsec_ followed by base64") from None
    if not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        raise ValueError(f"a webhook secret has {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes")
    return key


def sign(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """Return `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""
    content = b".".join((message_id.encode(), timestamp.encode(), body))
    return VERSION + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def is_signed(keys: Iterable[bytes], message_id: str, timestamp: str, body: bytes, header: str) -> bool:
    """Return whether one entry of the space-separated header is right under one of the keys.

    Entries of other versions and malformed ones are skipped. Every pair is compared, in constant time.
    """
    expected = [sign(key, message_id, timestamp, body).encode() for key in keys]
    given = [entry.encode("utf-8", "replace") for entry in header.split(" ")[:MAX_SIGNATURES]]
    matches = [hmac.compare_digest(right, entry) for right in expected for entry in given]
    return any(matches)
