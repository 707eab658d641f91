"""Who is let in: `/auth/token`, and the tokens it gave out."""

import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from pydantic import BaseModel

from integrations.halopsa.simulator.errors import BAD_REQUEST, UNAUTHORIZED, RefusedError

CLIENT_ID = "0d6a2f5e-halo-client"
CLIENT_SECRET = "5c1e-halo-client-secret"  # noqa: S105 (the simulator's own)
TOKEN_SECONDS = 3600
SCOPES = frozenset({"all", "read:tickets", "edit:tickets"})


@dataclass(slots=True)
class Identity:
    """The API application. `tenant` must be named in the token's address where it is set."""

    client_id: str = CLIENT_ID
    client_secret: str = field(default=CLIENT_SECRET, repr=False)
    tenant: str | None = None


class TokenAnswer(BaseModel):
    access_token: str
    token_type: str = "Bearer"  # noqa: S105 (a word of OAuth)
    expires_in: float


class Access:
    """The tokens given out and when each ends. Safe to share between threads."""

    def __init__(self, identity: Identity | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.identity = identity or Identity()
        self.token_seconds: float = TOKEN_SECONDS
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[str, float] = {}

    def grant(self) -> TokenAnswer:
        answer = TokenAnswer(access_token=secrets.token_urlsafe(24), expires_in=self.token_seconds)
        with self._lock:
            self._tokens[answer.access_token] = self._clock() + self.token_seconds
        return answer

    def revoke_all(self) -> None:
        """End every token, as when the application's secret is changed."""
        with self._lock:
            self._tokens.clear()

    def require_token(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        with self._lock:
            until = self._tokens.get(token, 0.0) if scheme == "Bearer" else 0.0
        if self._clock() >= until:
            raise RefusedError(UNAUTHORIZED, "Authorization has been denied for this request.")


def token_router(access: Access) -> APIRouter:
    router = APIRouter()

    @router.post("/auth/token")
    async def token(request: Request, tenant: str | None = None) -> TokenAnswer:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        _check(form, tenant, access.identity)
        return access.grant()

    return router


def _check(form: dict[str, str], tenant: str | None, identity: Identity) -> None:
    if form.get("grant_type") != "client_credentials":
        raise RefusedError(BAD_REQUEST, "The grant type is not supported.", error="unsupported_grant_type")
    if form.get("scope") not in SCOPES:
        raise RefusedError(BAD_REQUEST, "The scope is not valid.", error="invalid_scope")
    known = hmac.compare_digest(form.get("client_id", ""), identity.client_id)
    proven = hmac.compare_digest(form.get("client_secret", ""), identity.client_secret)
    if not (known and proven) or tenant != identity.tenant:
        raise RefusedError(UNAUTHORIZED, "The client credentials are not valid.", error="invalid_client")
