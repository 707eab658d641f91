"""Text that Postgres and a PSA can hold (no NUL, no lone surrogates), and that a screen can show."""

import json
import math
from collections.abc import Iterator
from typing import Any

#: Characters. Requests name accounts, connections, users and flows within the same bound.
MAX_NAME_LENGTH = 200


def storable(text: str) -> str:
    """Return the text unchanged. Raises ValueError where Postgres could not store it as text or jsonb."""
    if "\x00" in text:
        raise ValueError("contains a NUL character, which cannot be stored")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("contains half of a surrogate pair, which cannot be stored")
    return text


def check_name(what: str, name: str) -> None:
    """Return only if people can call something by this name later. Raises ValueError."""
    if not 0 < len(name) <= MAX_NAME_LENGTH or name.strip() != name:
        raise ValueError(f"{what} must have 1 to {MAX_NAME_LENGTH} characters and no blanks around them")
    try:
        storable(name)
    except ValueError as error:
        raise ValueError(f"{what} {error}") from None


def made_storable(text: str) -> str:
    """Return text of a stranger with what Postgres cannot store replaced, where refusing it helps nobody."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def visible(text: str, *, kept: str = "") -> str:
    r"""Return text that cannot steer who shows it: no controls, escapes, bidi marks, half characters.

    What Python calls unprintable becomes `\x1b`, `\u202e` or `\U000e0001`, except what is in `kept`.
    """
    return "".join(c if c.isprintable() or c in kept else _spelled(c) for c in text)


def _spelled(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:  # noqa: PLR2004 - two hexadecimal digits
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - four digits


def storable_json(value: Any) -> Any:
    """Return the JSON value unchanged. Raises ValueError where a text or number in it cannot be stored."""
    for leaf in _leaves(value):
        if isinstance(leaf, str):
            storable(leaf)
        elif isinstance(leaf, float) and not math.isfinite(leaf):
            raise ValueError("contains a number that JSON does not have (NaN or infinity)")
    return value


def json_size(value: Any) -> int:
    """Return the size in bytes of `value` as compact UTF-8 JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
