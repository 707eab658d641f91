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
#: What browsers do not show, with its content: how each kind begins, and how it ends.
UNSEEN = re.compile(r"<(?:!--|(?:script|style)\b)", re.IGNORECASE)
ENDS = {
    "<!--": re.compile("-->"),
    "<script": re.compile(r"</script\s*>", re.IGNORECASE),
    "<style": re.compile(r"</style\s*>", re.IGNORECASE),
}
TAG = re.compile(r"</?[a-zA-Z][^>]*>")
#: No character has a number of so many digits, and Python reads none of more than 4 300.
NO_CHARACTER = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{8,});?")


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
    """Return what the HTML says as plain text, whoever wrote or cleaned it.

    The time is that of reading it a few times: a customer's mail may be a megabyte of `<!--`.
    """
    broken = PARAGRAPH_BREAKS.sub("\n\n", BREAKS.sub("\n", _seen(markup)))
    return html.unescape(NO_CHARACTER.sub("\ufffd", _without_tags(broken))).strip("\n")


def _seen(markup: str) -> str:
    """Leave out what has an end. An end that is missing once is not looked for again."""
    kept, place, missing = [], 0, set[str]()
    for begun in UNSEEN.finditer(markup):
        kind = begun[0].lower()
        if begun.start() < place or kind in missing:
            continue
        ended = ENDS[kind].search(markup, begun.end())
        if ended is None:
            missing.add(kind)
            continue
        kept.append(markup[place : begun.start()])
        place = ended.end()
    return "".join(kept) + markup[place:]


def _without_tags(markup: str) -> str:
    """Behind the last `>` no tag can end, and none is looked for."""
    tagged, end, rest = markup.rpartition(">")
    return TAG.sub("", tagged + end) + rest


def _is_shown(character: str) -> bool:
    return character not in BIDI and unicodedata.category(character) not in {"Cc", "Cs"}
