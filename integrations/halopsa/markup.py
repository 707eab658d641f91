"""Plain text to HaloPSA's HTML notes and back. Pure."""

import html
import re
import unicodedata

#: Characters that turn text around (Unicode, UAX 9): a note could show something else than it says.
BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
LINE_ENDS = re.compile(r"\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
PARAGRAPH_END = re.compile(r"\n{2,}")

BREAKS = re.compile(r"<br\s*/?>|</(?:div|li|tr|h[1-6])>", re.IGNORECASE)
PARAGRAPH_BREAKS = re.compile(r"</p>", re.IGNORECASE)
#: What browsers do not show, with its content.
UNSEEN = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
TAG = re.compile(r"</?[a-zA-Z][^>]*>")


def cleaned(text: str) -> str:
    """Return the text with plain line ends, without control, direction and half characters."""
    return "".join(c for c in LINE_ENDS.sub("\n", text) if c in "\n\t" or _is_shown(c))


def to_html(text: str) -> str:
    """Return HTML that shows exactly the cleaned text: paragraphs at blank lines, no tag out of the text.

    Halo shows bare line ends as spaces, and mails `note_html` as it stands.
    """
    paragraphs = PARAGRAPH_END.split(cleaned(text).strip("\n"))
    return "".join(f"<p>{html.escape(part).replace(chr(10), '<br>')}</p>" for part in paragraphs)


def to_text(markup: str) -> str:
    """Return what the HTML says as plain text, whoever wrote or cleaned it."""
    seen = UNSEEN.sub("", markup)
    broken = PARAGRAPH_BREAKS.sub("\n\n", BREAKS.sub("\n", seen))
    return html.unescape(TAG.sub("", broken)).strip("\n")


def _is_shown(character: str) -> bool:
    return character not in BIDI and unicodedata.category(character) not in {"Cc", "Cs"}
