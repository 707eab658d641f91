"""Error texts that are safe to store and show: short, one line, without secrets."""

import re
from collections.abc import Iterable

#: Longest error text in characters: enough for a provider's sentence, too little for a page or a record.
MAX_TEXT = 300

#: A secret shorter than this is only removed as a whole word, so that the key "pub" leaves "public" readable.
WHOLE_WORD_BELOW = 8

#: Of an absurdly long text, only this much is looked at.
MAX_READ = 20_000

MASK = "***"

_PATTERNS = (
    (
        re.compile(
            r"(?i)\b(authorization|clientid|webhook-signature|x-content-signature)\b\s*[:=]\s*\S+( \S+)?"
        ),
        r"\1: " + MASK,
    ),
    (re.compile(r"(?i)\b(basic|bearer)\s+[a-z0-9+/=._~-]{6,}"), r"\1 " + MASK),
    (re.compile(r"whsec_[A-Za-z0-9+/=_-]+"), MASK),
    (re.compile(r"(?i)(https?://)[^/\s@]*@"), r"\1" + MASK + "@"),
    (re.compile(r"(?i)(https?://[^\s?\"'<>]*)\?[^\s\"'<>]*"), r"\1?" + MASK),
    (re.compile(r"\?[\w.%~-]+=[^\s\"'<>]*"), "?" + MASK),
)


def safe_text(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without the secrets, credentials, query strings and control characters; at most 300."""
    text = text[:MAX_READ]
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = _secret_pattern(secret).sub(MASK, text)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _secret_pattern(secret: str) -> re.Pattern[str]:
    exact = re.escape(secret)
    return re.compile(rf"(?<!\w){exact}(?!\w)" if len(secret) < WHOLE_WORD_BELOW else exact)
