"""HaloPSA's lists: an array, or an object that holds one beside the number of all records."""

from typing import Any

from integrations.errors import UnreachableError

#: Beside the array, in lists of tickets and of actions.
COUNT = "record_count"


def items(value: Any, name: str) -> list[Any]:
    """Return the array, alone or under `name`. Raises UnreachableError."""
    found = value.get(name) if isinstance(value, dict) else value
    if not isinstance(found, list):
        raise UnreachableError(f"HaloPSA answered without a list of {name}")
    return found


def record_count(value: Any) -> int | None:
    """Return how many records there are in all, where HaloPSA says."""
    found = value.get(COUNT) if isinstance(value, dict) else None
    return found if type(found) is int else None
