"""Secrets and words that are planted, and how they may be spelled where they leak."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote


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
    for shift in range(3):
        # what stands before it shifts its letters; those at its ends depend on its neighbours
        inner = base64.b64encode(b"\0" * shift + raw).decode()
        yield inner[4 if shift else 0 : len(inner) // 4 * 4 - 4]
