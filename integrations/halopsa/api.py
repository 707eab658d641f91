"""Authorised calls to one HaloPSA, each with a token that is renewed once where it was refused."""

from collections.abc import Callable, Mapping
from typing import Any

from integrations.answers import Answer
from integrations.errors import CallError, PayloadError, UnreachableError
from integrations.halopsa.classification import classified, is_unauthorized
from integrations.halopsa.oauth import Tokens
from integrations.halopsa.wire import http
from integrations.http import HttpApi
from integrations.ports import Link

#: The "resource server" that HaloPSA's own API page names (Configuration, Integrations, HaloPSA API).
API_PATH = "/api"

Params = Mapping[str, str | int]


class HaloApi:
    """One connection's API. Raises the CallErrors of integrations.errors, decided by classification.TABLE."""

    def __init__(self, link: Link, tokens: Tokens) -> None:
        self._link = link
        self._tokens = tokens

    def read(self, path: str, params: Params | None = None) -> Any:
        """GET, and return the JSON value. Raises all CallErrors but AmbiguousError."""
        answer = self._authorized(lambda api: api.read(API_PATH + path, params), write=False)
        try:
            return answer.json()
        except PayloadError:
            raise UnreachableError(f"HTTP {answer.status}: the answer cannot be read") from None

    def write(self, method: str, path: str, body: bytes = b"") -> Answer:
        """Send a body. It is sent a second time only where HaloPSA refused the first one's token."""
        return self._authorized(lambda api: api.write(method, API_PATH + path, body), write=True)

    def _authorized(self, call: Callable[[HttpApi], Answer], *, write: bool) -> Answer:
        token = self._tokens.get(self._link)
        try:
            return call(http(self._link, token))
        except CallError as error:
            if not is_unauthorized(error):
                raise classified(error, write=write) from None
        self._tokens.drop(self._link, token)
        try:
            return call(http(self._link, self._tokens.get(self._link)))
        except CallError as error:
            raise classified(error, write=write) from None
