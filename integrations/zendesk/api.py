"""Zendesk's REST API for one connection: its address, its pages, its records."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from integrations.answers import Answer
from integrations.errors import AmbiguousError, PayloadError, RejectedError, UnreachableError
from integrations.http import HttpApi
from integrations.ports import Link
from integrations.zendesk.lists import Page
from integrations.zendesk.mapping import Model, comment_id, read_record

#: API reference, "Security and authentication": an API token, used in the name of an agent.
CREDENTIAL_NAMES: tuple[str, ...] = ("email", "api_token")

API_PATH = "/api/v2"

#: The most that cursor pagination gives at a time (API basics, "Cursor pagination").
PAGE_SIZE = 100
#: A ticket takes 5 000 comments (Zendesk help, ticket limits); twice as much is a list without an end.
MAX_PAGES = 100

NO_WORDS = "no explanation given"
WORDS_SHOWN = 3

Params = Mapping[str, str | int]
Listed = TypeVar("Listed", bound=Page)


class Api:
    """Reads records and pages, writes once. Raises the CallErrors of integrations.errors."""

    def __init__(self, link: Link) -> None:
        self.host = urlsplit(link.base_url).netloc
        token = basic_token(link)
        self._http = HttpApi(
            link.base_url.rstrip("/") + API_PATH,
            {"Authorization": f"Basic {token}", "Accept": "application/json"},
            secrets=(link.credentials["api_token"], token),
            words=words,
            allow_private_hosts=link.allow_private_hosts,
            pace=link.pace,
        )

    def record(self, model: type[Model], path: str, params: Params | None = None) -> Model:
        """Return one record, or one answer that holds some."""
        answer = self._http.read(path, params)
        try:
            return read_record(model, answer.json())
        except PayloadError as error:
            raise UnreachableError(f"HTTP {answer.status}: {error}") from None

    def pages(self, model: type[Listed], path: str, params: Params | None = None) -> Iterator[Listed]:
        """Yield all pages of a list."""
        place: Params = {}
        for _ in range(MAX_PAGES):
            page = self.record(model, path, {"page[size]": PAGE_SIZE, **(params or {}), **place})
            yield page
            if not page.meta.has_more or not page.meta.after_cursor:
                return
            place = {"page[after]": page.meta.after_cursor}
        raise too_many()

    def add_comment(self, path: str, body: bytes) -> str:
        """PUT once and return the new comment's id. AmbiguousError where Zendesk may have taken it."""
        answer = self._http.write("PUT", path, body)
        try:
            return comment_id(answer.json())
        except PayloadError:
            raise AmbiguousError(f"HTTP {answer.status}: the answer names no comment") from None

    def repeatable(self, method: str, path: str, body: bytes = b"") -> None:
        """Send a write whose second time changes nothing: a lost answer is UnreachableError, try again."""
        try:
            self._http.write(method, path, body)
        except AmbiguousError as error:
            raise UnreachableError(str(error)) from None


def basic_token(link: Link) -> str:
    """Return what follows "Basic" in Authorization: `email/token:api_token` in base64."""
    name, secret = (link.credentials[credential] for credential in CREDENTIAL_NAMES)
    return base64.b64encode(f"{name}/token:{secret}".encode()).decode()


def too_many() -> RejectedError:
    """Return the error of a list that does not end."""
    return RejectedError(f"the list has more than {MAX_PAGES} pages")


def words(answer: Answer) -> str:
    """Return Zendesk's own explanation. Its ticketing, its webhooks and its gate have a shape each."""
    try:
        value = answer.json()
    except PayloadError:
        return "the answer is not JSON"
    if not isinstance(value, dict):
        return NO_WORDS
    problems = value.get("errors")
    parts = problems if isinstance(problems, list) else [value, *_details(value.get("details"))]
    return "; ".join(filter(None, map(_sentence, parts[:WORDS_SHOWN]))) or NO_WORDS


def _details(details: Any) -> list[Any]:
    """`{"details": {"status": [{"description": …}]}}`, as validation errors have them."""
    fields = details.values() if isinstance(details, dict) else ()
    return [problem for problems in fields if isinstance(problems, list) for problem in problems]


def _sentence(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    if isinstance(value.get("error"), dict):
        return _sentence(value["error"])
    found = (value.get(name) for name in ("error", "code", "title", "description", "detail", "message"))
    return ": ".join(part for part in found if isinstance(part, str) and part)
