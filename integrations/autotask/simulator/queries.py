"""Queries as Autotask answers them: by GET or POST, filters, pages of at most 500, sorted by id."""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from integrations.autotask.simulator.bodies import Condition, Search, WebhookBody
from integrations.autotask.simulator.errors import NOT_ALLOWED, RefusedError
from integrations.autotask.simulator.picklists import RESOURCES
from integrations.autotask.simulator.records import (
    Company,
    ErrorLog,
    Note,
    Shown,
    Ticket,
    TimeEntry,
    Webhook,
)
from integrations.autotask.simulator.world import World

#: As the API writes it in `nextPageUrl`, with capitals that nobody asked for.
SHOWN_PATH = "/ATServicesRest/V1.0"

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda have, want: bool(have == want),
    "noteq": lambda have, want: bool(have != want),
    "gt": lambda have, want: have is not None and bool(have > want),
    "gte": lambda have, want: have is not None and bool(have >= want),
    "lt": lambda have, want: have is not None and bool(have < want),
    "lte": lambda have, want: have is not None and bool(have <= want),
    "beginsWith": lambda have, want: str(have or "").lower().startswith(str(want).lower()),
    "endsWith": lambda have, want: str(have or "").lower().endswith(str(want).lower()),
    "contains": lambda have, want: str(want).lower() in str(have or "").lower(),
    "in": lambda have, want: have in want,
    "notIn": lambda have, want: have not in want,
}
LISTED = frozenset({"in", "notIn"})


_NOW = datetime.now(UTC)
_TIME = {"ticketID": 0, "resourceID": 0, "roleID": 0, "dateWorked": _NOW, "hoursWorked": 0}
_HOOK = {"name": "x", "webhookUrl": "x", "deactivationUrl": "x", "secretKey": "x", "isActive": True}
#: A record of each entity, for the names of its fields.
_EXAMPLES: dict[str, Shown] = {
    "Tickets": Ticket(0, "", {}, _NOW, _NOW),
    "TicketNotes": Note(0, 0, "", "", 0, 0, None, _NOW, _NOW),
    "TimeEntries": TimeEntry(0, _TIME, _NOW),
    "Resources": RESOURCES[0],
    "Companies": Company(0, ""),
    "TicketWebhooks": Webhook(0, "Ticket", WebhookBody.model_validate(_HOOK)),
    "TicketNoteWebhooks": Webhook(0, "TicketNote", WebhookBody.model_validate(_HOOK)),
    "WebhookEventErrorLogs": ErrorLog(0, "Ticket", 0, 0, "", "", _NOW),
}
#: The names of each entity's fields in lower case.
FIELDS = {
    entity: frozenset(name.lower() for name in example.as_json()) for entity, example in _EXAMPLES.items()
}


@dataclass(frozen=True, slots=True)
class _Page:
    entity: str
    search: Search
    method: str
    after_id: int


class Pages:
    """Answers queries over the world's records. A next page is known by its address alone."""

    def __init__(self, world: World, base_url: str) -> None:
        self._world = world
        self._base_url = base_url
        self._lock = threading.Lock()
        self._pages: dict[str, _Page] = {}

    def first(self, entity: str, search: Search, method: str) -> dict[str, Any]:
        for condition in search.filter:
            _require_known(condition, entity)
        return self._answer(_Page(entity, search, method, 0))

    def next(self, entity: str, token: str, method: str) -> dict[str, Any]:
        """Return the page; asked with another method than the first one, it is refused."""
        with self._lock:
            page = self._pages.get(token)
        if page is None or page.entity != entity:
            raise RefusedError("Invalid value of paging.")
        if page.method != method:
            message = f"The requested resource does not support http method '{method}'."
            raise RefusedError(message, status=NOT_ALLOWED)
        return self._answer(page)

    def clear(self) -> None:
        with self._lock:
            self._pages.clear()

    def _answer(self, page: _Page) -> dict[str, Any]:
        records = sorted(self._world.records(page.entity), key=lambda one: int(one["id"]))
        records = [one for one in records if int(one["id"]) > page.after_id]
        meeting = [one for one in records if all(_meets(one, part) for part in page.search.filter)]
        items = meeting[: page.search.max_records]
        more = len(meeting) > len(items)
        return {
            "items": [_project(one, page.search.include_fields) for one in items],
            "pageDetails": {
                "count": len(items),
                "requestCount": page.search.max_records,
                "prevPageUrl": None,
                "nextPageUrl": self._address(page, int(items[-1]["id"])) if more else None,
            },
        }

    def _address(self, page: _Page, last_id: int) -> str:
        token = secrets.token_hex(8)
        with self._lock:
            self._pages[token] = _Page(page.entity, page.search, page.method, last_id)
        return f"{self._base_url}{SHOWN_PATH}/{page.entity}/query/next?paging={token}"


def _meets(record: dict[str, Any], condition: Condition) -> bool:
    if condition.op in {"and", "or"}:
        parts = [_meets(record, part) for part in condition.items or []]
        return all(parts) if condition.op == "and" else any(parts)
    have = _value(record, condition.field or "")
    if condition.op in {"exist", "notExist"}:
        return (have is not None) == (condition.op == "exist")
    want = _fitting(condition, have)
    if (
        isinstance(have, str)
        and isinstance(want, str)
        and condition.field
        and "date" in condition.field.lower()
    ):
        have, want = datetime.fromisoformat(have), datetime.fromisoformat(want)
    return COMPARISONS[condition.op](have, want)


def _require_known(condition: Condition, entity: str) -> None:
    for part in condition.items or []:
        _require_known(part, entity)
    if condition.field is not None and condition.field.lower() not in FIELDS[entity]:
        raise RefusedError(f"Unable to find {condition.field} in the {entity} Entity.")


def _value(record: dict[str, Any], field: str) -> Any:
    return next((value for name, value in record.items() if name.lower() == field.lower()), None)


def _fitting(condition: Condition, have: Any) -> Any:
    """Refuse a value of another type than the field's, and a list where one value is due, or the reverse."""
    want = condition.value
    if want is None or isinstance(want, list) != (condition.op in LISTED):
        raise RefusedError(f"Invalid value for operator {condition.op}.")
    values = want if isinstance(want, list) else [want]
    if have is not None and any(isinstance(have, str) != isinstance(value, str) for value in values):
        raise RefusedError(f"Value of field {condition.field} is of the wrong type.")
    return want


def _project(record: dict[str, Any], fields: list[str] | None) -> dict[str, Any]:
    if not fields:
        return record
    wanted = {"id", *(name.lower() for name in fields)}
    return {name: value for name, value in record.items() if name.lower() in wanted}
