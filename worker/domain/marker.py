"""The mark by which a note of ours is found again in a ticket, since no PSA offers an idempotency key."""

import hashlib
import hmac
import re

#: 8 hexadecimal digits: 1 in 4 billion that two entries of one ticket share a mark.
MARKER_DIGITS = 8


def marker(secret: str, entry_key: str) -> str:
    """Return the mark of one outbox entry, e.g. `[tw:7c1f9e2a]`: stable, and not to be guessed."""
    digest = hmac.new(secret.encode(), entry_key.encode(), hashlib.sha256).hexdigest()
    return f"[tw:{digest[:MARKER_DIGITS]}]"


_MARKER = re.compile(rf"\[tw:[0-9a-f]{{{MARKER_DIGITS}}}\]")


def marked(text: str) -> bool:
    """Return whether a note carries a mark of ours; "[tw:" alone is somebody's own words."""
    return _MARKER.search(text) is not None


def split_text(text: str, *, limit: int) -> list[str]:
    """Split on line ends into parts of at most `limit` characters; a longer line is cut."""
    parts: list[str] = []
    current = ""
    for line in text.splitlines(keepends=True):
        rest = line
        while len(rest) > limit:
            if current:
                parts.append(current)
                current = ""
            parts.append(rest[:limit])
            rest = rest[limit:]
        if len(current) + len(rest) > limit:
            parts.append(current)
            current = ""
        current += rest
    return [*parts, current] if current or not parts else parts
