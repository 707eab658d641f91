"""ConnectWise's REST API for one connection: its address, its pages, its records."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from integrations.answers import Answer
from integrations.connectwise.classification import judged
from integrations.connectwise.mapping import Identified, Model, read_record, words
from integrations.errors import AmbiguousError, PayloadError, RejectedError, UnreachableError
from integrations.http import HttpApi
from integrations.ports import Link

#: Developer Guide, "Authentication".
CREDENTIAL_NAMES: tuple[str, ...] = ("company", "public_key", "private_key", "client_id")

#: Developer Guide, "Cloud URLs". The path that names no release stays valid through upgrades.
API_PATH = "/v4_6_release/apis/3.0"
#: Developer Guide, "Versioning": without it an upgrade may change the answers.
ACCEPT = "application/vnd.connectwise.com+json; version=2025.1"

#: The vendor's maximum is 1 000 records; a page of that many full notes would be slow to come.
PAGE_SIZE = 250
#: 25 000 notes in one ticket is not a ticket any more; an endless listing must end somewhere.
MAX_PAGES = 100

Params = Mapping[str, str | int]


class Api:
    """Reads records and pages, writes once. Raises the CallErrors of integrations.errors."""

    def __init__(self, link: Link) -> None:
        self.company, public, private, client_id = (link.credentials[name] for name in CREDENTIAL_NAMES)
        token = base64.b64encode(f"{self.company}+{public}:{private}".encode()).decode()
        self.host = urlsplit(link.base_url).netloc
        self._http = HttpApi(
            link.base_url.rstrip("/") + API_PATH,
            {"Authorization": f"Basic {token}", "clientId": client_id, "Accept": ACCEPT},
            secrets=(public, private, client_id, token),
            words=words,
            allow_private_hosts=link.allow_private_hosts,
            pace=link.pace,
            judge=lambda error, answer, write: judged(error, answer, write=write),
        )

    def record(self, model: type[Model], path: str) -> Model:
        """Return one record."""
        return _record(model, _json(self._http.read(path)))

    def records(self, model: type[Model], path: str, params: Params) -> Iterator[Model]:
        """Yield the records of all pages."""
        for number in range(1, MAX_PAGES + 1):
            found, more = self.page(model, path, {**params, "page": number})
            yield from found
            if not more:
                return
        raise too_many()

    def page(self, model: type[Model], path: str, params: Params) -> tuple[list[Model], bool]:
        """Return the records of one page, and whether there is another."""
        answer = self._http.read(path, {"pageSize": PAGE_SIZE, **params})
        items = _json(answer)
        if not isinstance(items, list):
            raise UnreachableError("ConnectWise answered without a list")
        return [_record(model, item) for item in items], answer.has_next_page

    def create(self, path: str, body: bytes) -> str:
        """POST once and return the new record's id. AmbiguousError where ConnectWise may have taken it."""
        answer = self._http.write("POST", path, body)
        try:
            return str(read_record(Identified, answer.json()).id)
        except PayloadError:
            raise AmbiguousError(f"HTTP {answer.status}: the answer names no record") from None

    def repeatable(self, method: str, path: str, body: bytes = b"") -> None:
        """Send a write whose second time changes nothing: a lost answer is UnreachableError, try again."""
        try:
            self._http.write(method, path, body)
        except AmbiguousError as error:
            raise UnreachableError(str(error)) from None


def too_many() -> RejectedError:
    """Return the error of a list that does not end."""
    return RejectedError(f"the list has more than {MAX_PAGES * PAGE_SIZE} records")


def _json(answer: Answer) -> Any:
    try:
        return answer.json()
    except PayloadError:
        raise UnreachableError(f"HTTP {answer.status}: the answer cannot be read") from None


def _record(model: type[Model], value: Any) -> Model:
    try:
        return read_record(model, value)
    except PayloadError as error:
        raise UnreachableError(str(error)) from None
