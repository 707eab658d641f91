"""Secrets and words that are planted, and how they may be spelled where they leak."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

#: Every planted secret begins like this, and nothing else does: so a part of one is found too.
SECRET_MARK = "canary-secret"
#: The same for what technicians and customers write.
WORDS_MARK = "canary-words"

#: What people write, wherever they can write in the acceptance suite.
WORDS = f"{WORDS_MARK} that a person wrote"
#: The key that each home seals its secrets with; 32 bytes make a Fernet key.
HOME_KEY = base64.urlsafe_b64encode(f"{SECRET_MARK}-key-of-the-home-01".encode()).decode()
#: The secret of every standard connection.
STANDARD_SECRET = "whsec_" + base64.b64encode(f"{SECRET_MARK}-standard-webhook".encode()).decode()
#: Of an excerpt, so many characters before a find are shown.
SHOWN = 60


@dataclass(frozen=True)
class Canaries:
    """What is planted, by what it is: each value is found nowhere else."""

    values: Mapping[str, str]

    def found_in(self, text: str) -> list[str]:
        """Return what the text gives away."""
        return [name for name, value in self.values.items() if any(s in text for s in spellings(value))]


def spellings(value: str) -> Iterator[str]:
    """Yield how a value looks plain, in a URL, in JSON, in hexadecimal, and within a longer base64 text."""
    raw = value.encode()
    yield value
    yield quote(value, safe="")
    yield json.dumps(value)[1:-1]
    yield raw.hex()
    yield raw.hex().upper()
    yield from _inner_base64(raw)


def _inner_base64(raw: bytes) -> Iterator[str]:
    for shift in range(3):
        # what stands before it shifts its letters; those at its ends depend on its neighbours
        inner = base64.b64encode(b"\0" * shift + raw).decode()
        yield inner[4 if shift else 0 : len(inner) // 4 * 4 - 4]


@cache
def needles(mark: str) -> tuple[bytes, ...]:
    """Return all spellings of a mark as bytes; base64 within base64 too, as in the body of a message."""
    once = dict.fromkeys(spellings(mark))
    twice = (deep for inner in _inner_base64(mark.encode()) for deep in _inner_base64(inner.encode()))
    return tuple(spelling.encode() for spelling in (*once, *twice))


def leaks(said: bytes, *marks: str) -> list[str]:
    """Return one line for each mark that is said: which, how it is spelled, and what stands before it."""
    return [
        f"{mark} ({'plain' if needle == mark.encode() else 'encoded'}) after {_before(said, place)!r}"
        for mark, needle in ((mark, needle) for mark in marks for needle in needles(mark))
        if (place := said.find(needle)) >= 0
    ]


def _before(said: bytes, place: int) -> str:
    """Return what leads to a find, without any other one."""
    text = said[max(0, place - SHOWN) : place]
    for needle in (*needles(SECRET_MARK), *needles(WORDS_MARK)):
        text = text.replace(needle, b"***")
    return text.decode(errors="replace")
