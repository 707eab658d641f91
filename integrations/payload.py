"""JSON from strangers: parsed within bounds, so that no body can crash or outgrow the service."""

import json
import math
from typing import Any, NoReturn

from integrations.errors import PayloadError

#: Deeper bodies would hit recursion limits in whatever reads them next; no PSA nests beyond 10.
MAX_DEPTH = 64
#: Larger integers fit no column; ids and counters are 64-bit.
MAX_INTEGER = 2**63 - 1


def json_value(body: bytes | str) -> Any:
    """Return the JSON value of a UTF-8 body. Raises PayloadError, never anything else.

    Refused: other encodings, NaN and Infinity, integers of absurd length, nesting beyond MAX_DEPTH.
    """
    try:
        text = body.decode("utf-8-sig") if isinstance(body, bytes) else body
        value = json.loads(text, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise PayloadError("the body is not UTF-8") from None
    except RecursionError:
        raise PayloadError("the JSON is nested too deeply") from None
    except ValueError:
        raise PayloadError("the body is not JSON") from None
    if _depth_exceeds(value, MAX_DEPTH):
        raise PayloadError("the JSON is nested too deeply")
    return value


def json_object(body: bytes | str) -> dict[str, Any]:
    """Return the JSON object of a UTF-8 body. Raises PayloadError."""
    value = json_value(body)
    if not isinstance(value, dict):
        raise PayloadError("the body is not a JSON object")
    return value


def require_storable(value: Any) -> None:
    """Raise PayloadError where PostgreSQL could not keep the value as jsonb.

    It has no NUL character and no lone surrogates (PostgreSQL documentation, 8.14), and no infinity.
    """
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending.extend(item.keys())
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
        else:
            _require_storable_scalar(item)


def _require_storable_scalar(item: Any) -> None:
    if isinstance(item, str) and not is_storable_text(item):
        raise PayloadError("the JSON contains a NUL character or half a character")
    if isinstance(item, float) and not math.isfinite(item):
        raise PayloadError("the JSON contains a number out of range")
    if isinstance(item, int) and abs(item) > MAX_INTEGER:
        raise PayloadError("the JSON contains an integer beyond 64 bits")


def is_storable_text(text: str) -> bool:
    """Return whether PostgreSQL can keep the text: no NUL, no lone surrogates."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return True


def _children(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []
