"""The REST API of one connection's zone: reads, queries to their last page, writes."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from integrations.answers import Answer
from integrations.autotask.classification import UnauthorizedError
from integrations.autotask.request import OneRequest
from integrations.autotask.zones import Zone, Zones
from integrations.errors import PayloadError, RejectedError, UnreachableError
from integrations.ports import Link

#: Developer help, "Making basic query calls": 1 to 500 records a page.
MAX_RECORDS = 500
#: 25 000 records in one list is a filter gone wrong; an endless listing must end somewhere.
MAX_PAGES = 50

Filter = Mapping[str, Any]


def where(field: str, value: object, op: str = "eq") -> Filter:
    """Return one condition of a query. Operators: developer help, "Query operators"."""
    return {"op": op, "field": field, "value": value}


class Api:
    """Raises the CallErrors of integrations.errors."""

    def __init__(self, link: Link, headers: Mapping[str, str], zones: Zones) -> None:
        self._link = link
        self._headers = {**headers, "Content-Type": "application/json"}
        self._secrets = tuple(headers.values()) + link.webhook_secrets
        self._zones = zones

    @property
    def host(self) -> str:
        """The host of the connection's zone."""
        return urlsplit(self._zones.current().origin).netloc

    def read(self, path: str, params: Mapping[str, str | int] | None = None) -> Any:
        """Return the JSON that a GET answers."""
        return _json(self._in_zone(lambda request, zone: request.read(zone.path + path, params)))

    def item(self, path: str) -> Any | None:
        """Return a record, or None: a missing one is answered 200 and `{"item": null}`."""
        return _members(self.read(path)).get("item")

    def first(self, entity: str, filters: Sequence[Filter]) -> Any | None:
        """Return the first record that meets every filter, or None."""
        return next(iter(_items(self.read(f"/{entity}/query", _search(filters, most=1)))), None)

    def query(self, entity: str, filters: Sequence[Filter], fields: Sequence[str] = ()) -> Iterator[Any]:
        """Yield the records that meet every filter, in the order of their ids, all pages.

        By GET: a lost answer is simply asked again, and the next page's address, used unchanged, must be
        asked with the method of the first (a query by POST has its pages answered 405 to a GET).
        """
        answer = self.read(f"/{entity}/query", _search(filters, fields))
        for _ in range(MAX_PAGES):
            yield from _items(answer)
            next_page = _members(_members(answer).get("pagedetails")).get("nextpageurl")
            if not next_page:
                return
            answer = self._page(next_page)
        raise RejectedError(f"the list has more than {MAX_PAGES * MAX_RECORDS} records")

    def children(self, path: str) -> list[Any]:
        """Return the records below another one. There are few: a webhook's fields, its excluded resources."""
        return _items(self.read(path))

    def write(self, method: str, path: str, record: bytes) -> Answer:
        """Send a record once, never again. Raises AmbiguousError where it may have been done."""
        return self._in_zone(lambda request, zone: request.write(method, zone.path + path, record))

    def _page(self, url: Any) -> Any:
        """The address comes from an answer and gets the credentials, so it must be the zone's own."""

        def ask(request: OneRequest, zone: Zone) -> Answer:
            if not isinstance(url, str) or not url.startswith(f"{zone.origin}/"):
                raise UnreachableError("the next page's address is not in the connection's zone")
            return request.read(url.removeprefix(zone.origin))

        return _json(self._in_zone(ask))

    def _in_zone(self, ask: Callable[[OneRequest, Zone], Answer]) -> Answer:
        """Ask once more where a 401 turns out to mean that the tenant has moved: nothing was done then."""
        zone = self._zones.current()
        try:
            return ask(self._request(zone), zone)
        except UnauthorizedError:
            moved_to = self._zones.look_up()
            if moved_to == zone:
                raise
            return ask(self._request(moved_to), moved_to)

    def _request(self, zone: Zone) -> OneRequest:
        return OneRequest(zone.origin, self._headers, self._link, secrets=self._secrets)


def _search(
    filters: Sequence[Filter], fields: Sequence[str] = (), *, most: int = MAX_RECORDS
) -> dict[str, str | int]:
    search: dict[str, Any] = {"MaxRecords": most, "filter": list(filters)}
    if fields:
        search["IncludeFields"] = list(fields)
    return {"search": json.dumps(search, separators=(",", ":"))}


def _json(answer: Answer) -> Any:
    try:
        return answer.json()
    except PayloadError:
        raise UnreachableError(f"HTTP {answer.status}: the answer cannot be read") from None


def _members(value: Any) -> dict[str, Any]:
    """Answers are camelCase as seen by integrators; no document promises it."""
    if not isinstance(value, dict):
        raise UnreachableError("Autotask answered without an object")
    return {name.lower(): item for name, item in value.items()}


def _items(answer: Any) -> list[Any]:
    items = _members(answer).get("items")
    if not isinstance(items, list):
        raise UnreachableError("Autotask answered without a list")
    return items
