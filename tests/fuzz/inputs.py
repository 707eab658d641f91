"""Where hostile inputs come from: seeds that are nearly right, and what happens to them on the way."""

import json
import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path

#: One file per kind of input, one seed per line; what once broke something is kept here for good.
CORPUS = Path(__file__).parent / "corpus"

#: What stands before a webhook's body in its seeds, in this order: the providers' own headers.
WEBHOOK_HEADERS = (
    *("webhook-id", "webhook-timestamp", "webhook-signature", "x-content-signature"),
    *("x-hook-signature", "authorization"),
)

#: Pieces that parsers trip over.
DICTIONARY: Sequence[bytes] = (
    *(b"\x00", b"\\u0000", b"\\ud800", b"\xed\xa0\x80", b"\xff\xfe", b"\xef\xbb\xbf", b"\xf0\x9f\x98\x80"),
    *(b"1e999", b"-1", b"9" * 400, b"18446744073709551616", b"NaN", b"Infinity", b"null", b"true", b'""'),
    *(b"[" * 200, b'{"a":' * 200, b"]" * 200, b"}", b"{", b'"', b"\\", b",", b":", b"\n", b"\r\n", b"\t"),
    *(
        b"%s%n",
        b"{0}",
        b"${x}",
        b"../../etc/passwd",
        b"' OR 1=1 --",
        b"<script>",
        b"\x1b[2J",
        b"\xe2\x80\xae",
    ),
    *(
        b"Fri, 31 Feb 2026 25:61:61 GMT",
        b"v1,",
        b"v1a,",
        b"whsec_",
        b"__type__",
        b"__class__",
        b"id",
        b"type",
    ),
)


@cache
def seeds(kind: str) -> list[bytes]:
    """Return the seeds of a kind of input; JSON texts, so that bytes that are no text can stand there."""
    lines = (CORPUS / f"{kind}.txt").read_text().splitlines()
    return [json.loads(line).encode("utf-8", "surrogateescape") for line in lines]


def mutated(seed: bytes, choice: random.Random) -> bytes:
    """Return the seed after one to eight accidents."""
    data = bytearray(seed)
    for _ in range(choice.randint(1, 8)):
        _ACCIDENTS[choice.randrange(len(_ACCIDENTS))](data, choice)
    return bytes(data)


def _flip(data: bytearray, choice: random.Random) -> None:
    if data:
        data[choice.randrange(len(data))] ^= 1 << choice.randrange(8)


def _insert(data: bytearray, choice: random.Random) -> None:
    place = choice.randint(0, len(data))
    data[place:place] = choice.choice(DICTIONARY)


def _replace(data: bytearray, choice: random.Random) -> None:
    place = choice.randint(0, len(data))
    piece = choice.choice(DICTIONARY)
    data[place : place + len(piece)] = piece


def _cut(data: bytearray, choice: random.Random) -> None:
    place = choice.randint(0, len(data))
    del data[place : place + choice.randint(1, 16)]


def _repeat(data: bytearray, choice: random.Random) -> None:
    place = choice.randint(0, len(data))
    piece = data[place : place + choice.randint(1, 32)]
    data[place:place] = piece * choice.randint(1, 4)


_ACCIDENTS = (_flip, _insert, _replace, _cut, _repeat)
