"""What an HTTP answer means for the caller: done, refused, wait, or unknown. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from integrations.errors import AmbiguousError, CallError, RejectedError, ThrottledError, UnreachableError
from integrations.payload import json_value

#: ConnectWise's own sentence says 30 seconds (Developer Guide, "Too many requests"); used where none is said.
DEFAULT_RETRY_AFTER = timedelta(seconds=30)
#: A Retry-After beyond this is a mistake or a trap; asking once an hour harms nobody.
MAX_RETRY_AFTER = timedelta(hours=1)
MIN_RETRY_AFTER = timedelta(seconds=1)

FIRST_OK, FIRST_REDIRECT, FIRST_CLIENT_ERROR, FIRST_SERVER_ERROR = 200, 300, 400, 500
THROTTLED = frozenset({429, 503})
REQUEST_TIMEOUT = 408
CONFLICT = 409
NOT_FOUND = 404


class NotFoundError(RejectedError):
    """The provider has no such record or path."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. Header names are lower case; the body is complete and within its bound."""

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        return FIRST_OK <= self.status < FIRST_REDIRECT

    @property
    def has_next_page(self) -> bool:
        """Whether an RFC 8288 Link header names a next page."""
        return 'rel="next"' in self.headers.get("link", "")

    def json(self) -> Any:
        """Return the body's JSON value. Raises PayloadError."""
        return json_value(self.body)


def failure(answer: Answer, words: Callable[[Answer], str], *, write: bool, now: datetime) -> CallError:
    """Return the error that an answer outside 2xx means.

    `words` renders the provider's own explanation. 408 and 5xx leave a write's outcome unknown: a gateway
    gives up while the server behind it may still be working on it.
    """
    status, text = answer.status, f"HTTP {answer.status}: {words(answer)}"
    if status in THROTTLED:
        return ThrottledError(text, retry_after=retry_after(answer.headers.get("retry-after"), now))
    if status == CONFLICT:
        return UnreachableError(text)
    if status == REQUEST_TIMEOUT or status >= FIRST_SERVER_ERROR:
        return AmbiguousError(text) if write else UnreachableError(text)
    if status == NOT_FOUND:
        return NotFoundError(text)
    if FIRST_REDIRECT <= status < FIRST_CLIENT_ERROR:
        return RejectedError(f"HTTP {status}: redirects are not followed; check the connection's address")
    return RejectedError(text)


def retry_after(value: str | None, now: datetime) -> timedelta:
    """Read a Retry-After header, seconds or HTTP-date (RFC 9110, 10.2.3), within 1 second to 1 hour."""
    if value is None:
        return DEFAULT_RETRY_AFTER
    wait = _seconds(value.strip()) if value.strip().isdecimal() else _until(value, now)
    return min(max(wait, MIN_RETRY_AFTER), MAX_RETRY_AFTER)


def _seconds(digits: str) -> timedelta:
    most = len(str(int(MAX_RETRY_AFTER.total_seconds())))
    return timedelta(seconds=int(digits)) if len(digits) <= most else MAX_RETRY_AFTER


def _until(http_date: str, now: datetime) -> timedelta:
    try:
        moment = parsedate_to_datetime(http_date)
    except (ValueError, OverflowError):
        return DEFAULT_RETRY_AFTER
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
