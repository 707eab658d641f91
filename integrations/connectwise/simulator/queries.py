"""Lists as ConnectWise answers them: conditions, order, fields, pages, Link header."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from operator import eq, ge, gt, le, lt, ne
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from integrations.connectwise.simulator.errors import BAD_REQUEST, RefusedError

DEFAULT_PAGE_SIZE = 25
MAX_PAGE_SIZE = 1000

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {"=": eq, "!=": ne, ">": gt, ">=": ge, "<": lt, "<=": le}
CONDITION = re.compile(r"\s*([A-Za-z_/]+)\s*(>=|<=|!=|=|>|<)\s*(\[[^\]]*\]|\"[^\"]*\"|\d+|true|false)\s*")
AND = re.compile(r"\s+and\s+", re.IGNORECASE)


class ListQuery(BaseModel):
    """The parameters every list takes. A misspelt one is refused: ConnectWise would answer unfiltered."""

    model_config = ConfigDict(extra="forbid")

    conditions: str = ""
    orderBy: str = ""  # noqa: N815 (ConnectWise's name)
    fields: str = ""
    page: int = Field(default=1, ge=1)
    pageSize: int = Field(default=DEFAULT_PAGE_SIZE, ge=1, le=MAX_PAGE_SIZE)  # noqa: N815 (ConnectWise's name)


Listing = Annotated[ListQuery, Query()]


def answer(items: list[dict[str, Any]], query: ListQuery, request: Request, response: Response) -> Any:
    """Return the page of `items` that the query asks for, and announce the next one in Link."""
    found = [item for item in items if _meets(item, query.conditions)]
    if query.orderBy:
        name, _, direction = query.orderBy.partition(" ")
        found.sort(key=lambda item: _value(item, name), reverse=direction.strip().lower() == "desc")
    start = (query.page - 1) * query.pageSize
    if start + query.pageSize < len(found):
        params = urlencode({**request.query_params, "page": query.page + 1})
        response.headers["link"] = f'<{request.url.replace(query=params)}>; rel="next"'
    return [_project(item, query.fields) for item in found[start : start + query.pageSize]]


def _meets(item: dict[str, Any], conditions: str) -> bool:
    return all(_meets_one(item, condition) for condition in AND.split(conditions) if condition.strip())


def _meets_one(item: dict[str, Any], condition: str) -> bool:
    match = CONDITION.fullmatch(condition)
    if match is None:
        raise RefusedError(BAD_REQUEST, "InvalidCondition", f"cannot read the condition {condition}")
    name, operator, literal = match.groups()
    return OPERATORS[operator](_value(item, name), _literal(literal))


def _value(item: dict[str, Any], path: str) -> Any:
    if path == "lastUpdated":
        return datetime.fromisoformat(item["_info"]["lastUpdated"])
    value: Any = item
    for part in path.split("/"):
        if not isinstance(value, dict) or part not in value:
            raise RefusedError(BAD_REQUEST, "InvalidCondition", f"there is no field {path}")
        value = value[part]
    return value


def _literal(text: str) -> Any:
    if text.startswith("["):
        moment = datetime.fromisoformat(text[1:-1])
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if text.startswith('"'):
        return text[1:-1]
    return int(text) if text.isdecimal() else text == "true"


def _project(item: dict[str, Any], fields: str) -> dict[str, Any]:
    names = {name.strip() for name in fields.split(",") if name.strip()}
    return {name: value for name, value in item.items() if not names or name in names}
