"""HaloPSA's access tokens: fetched with the client's secret, kept in this process, never shown."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integrations.answers import Answer
from integrations.errors import AmbiguousError, CallError, PayloadError, UnreachableError
from integrations.halopsa.classification import classified
from integrations.halopsa.wire import http
from integrations.ports import Link

#: HaloPSA guides and homotechsual/HaloAPI; `?tenant=` where HaloPSA hosts several on one address.
TOKEN_PATH = "/auth/token"  # noqa: S105 (a path)
#: `read:actions` and the like do not exist; actions come with tickets (refractionPOINT/documentation#246).
SCOPE = "all"
FORM = "application/x-www-form-urlencoded"

#: Optional credential: the tenant's name on shared hosting.
TENANT = "tenant"

#: A token is not used in its last two minutes: the longest write takes one, and clocks differ.
SPARE_SECONDS = 120.0
#: HaloPSA says about an hour; a token is asked for again after that even where it says more.
MAX_LIFETIME_SECONDS = 3600.0
#: Used where the answer names no lifetime.
DEFAULT_LIFETIME_SECONDS = 600.0
#: Kept tokens, all connections together; the one unused longest goes first.
MAX_TOKENS = 1024


class _Grant(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    access_token: str = Field(min_length=1, repr=False)
    expires_in: float = DEFAULT_LIFETIME_SECONDS


@dataclass(frozen=True, slots=True)
class _Kept:
    token: str = field(repr=False)
    until: float


class Tokens:
    """The tokens by connection and secret. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    def get(self, link: Link) -> str:
        """Return a token that is valid for a while. Raises CallErrors, never AmbiguousError."""
        key = _key(link)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and self._clock() < kept.until:
                self._kept.move_to_end(key)
                return kept.token
        grant = _fetch(link)
        lifetime = min(grant.expires_in, MAX_LIFETIME_SECONDS) - SPARE_SECONDS
        with self._lock:
            self._kept[key] = _Kept(grant.access_token, self._clock() + lifetime)
            self._kept.move_to_end(key)
            while len(self._kept) > MAX_TOKENS:
                self._kept.popitem(last=False)
        return grant.access_token

    def drop(self, link: Link, token: str) -> None:
        """Forget a token that was refused, unless somebody has fetched another one meanwhile."""
        with self._lock:
            kept = self._kept.get(_key(link))
            if kept is not None and kept.token == token:
                del self._kept[_key(link)]


def _key(link: Link) -> tuple[str, str]:
    """A changed address, client, secret or tenant is another key, which holds no secret itself."""
    parts = (link.base_url, *(f"{name}={value}" for name, value in sorted(link.credentials.items())))
    return link.connection_id, hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _fetch(link: Link) -> _Grant:
    client_id, client_secret = link.credentials["client_id"], link.credentials["client_secret"]
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": client_secret,
        "scope": SCOPE,
    }
    tenant = link.credentials.get(TENANT)
    path = f"{TOKEN_PATH}?{urlencode({TENANT: tenant})}" if tenant else TOKEN_PATH
    try:
        answer = http(link).write("POST", path, urlencode(form).encode(), {"Content-Type": FORM})
    except AmbiguousError as error:
        raise UnreachableError(f"no token: {error}") from None
    except CallError as error:
        raise classified(error, write=False) from None
    return _grant(answer)


def _grant(answer: Answer) -> _Grant:
    try:
        return _Grant.model_validate(answer.json())
    except (PayloadError, ValidationError):
        raise UnreachableError(f"HTTP {answer.status}: the answer of {TOKEN_PATH} holds no token") from None
