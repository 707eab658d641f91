"""HTTP to a provider: the only module that uses requests. Bounded; no redirects; no write sent twice."""

import io
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

import requests
import urllib3
from requests.adapters import HTTPAdapter

from integrations.addresses import RESOLVE_SECONDS, BlockedAddressError, allowed_addresses
from integrations.answers import Answer, failure
from integrations.errors import AmbiguousError, CallError, ProviderError, RejectedError, UnreachableError
from integrations.line import Line, PinnedConnection, PinnedTlsConnection
from integrations.redaction import safe_text

KIB = 1024
MIB = 1024 * KIB
CHUNK_BYTES = 64 * KIB

USER_AGENT = "ticketwalk"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one call may take, in seconds, and how large its answer may be.

    `read_seconds` bounds each silence, `total_seconds` the whole exchange from the name's resolution to the
    answer's last byte: a server that drips one byte at a time would otherwise hold a worker for ever.
    """

    connect_seconds: float
    read_seconds: float
    total_seconds: float
    answer_bytes: int


#: Connecting: a little over 3 s, the first TCP retransmission (requests, "Timeouts"). Reading: a healthy PSA
#: answers within 2 s; 10 s is the longest a task should wait for something that it may simply ask again.
READ_LIMITS = Limits(connect_seconds=3.05, read_seconds=10, total_seconds=30, answer_bytes=16 * MIB)
#: A write cut short has an unknown outcome, which costs far more than waiting. ConnectWise is known to take
#: long over a POST (github.com/tier2tickets/feedback/issues/66).
WRITE_LIMITS = Limits(connect_seconds=3.05, read_seconds=30, total_seconds=60, answer_bytes=2 * MIB)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request to send. Nothing in it appears in its repr but the method."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


class NoAnswerError(ProviderError):
    """No complete answer came. `sent` is false only where the provider cannot have seen the request."""

    def __init__(self, reason: str, *, sent: bool, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.sent = sent
        self.timed_out = timed_out


def exchange(outgoing: Outgoing, *, limits: Limits, allow_private_hosts: bool) -> Answer:
    """Send one request once and return whatever was answered, redirects included.

    The host name is resolved once, and only an address that passed the check is connected to. Each call has
    its own connection: on a kept one that the server has just closed, a write would be lost in a way that
    cannot be told from one that was done. No proxy, no .netrc: neither is the connection's.
    Raises NoAnswerError, BlockedAddressError.
    """
    deadline = time.monotonic() + limits.total_seconds
    addresses = _addresses(outgoing.url, limits, allow_private_hosts)
    body = _ObservedBody(outgoing.body)
    line = Line(addresses, connect_seconds=limits.connect_seconds, deadline=deadline)
    try:
        with line, requests.Session() as session:
            session.trust_env = False
            for scheme in ("http://", "https://"):
                session.mount(scheme, _OverLine(line))
            with _send(session, outgoing, body, limits) as response:
                return _bounded(response, limits, line)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        timed_out = line.expired or isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError)
        reason = _too_long(limits) if line.expired else _reason(error)
        raise NoAnswerError(reason, sent=line.connected and body.observed, timed_out=timed_out) from None


def _addresses(url: str, limits: Limits, allow_private_hosts: bool) -> tuple[str, ...]:
    seconds = min(RESOLVE_SECONDS, limits.total_seconds)
    try:
        return allowed_addresses(url, allow_private_hosts=allow_private_hosts, seconds=seconds)
    except TimeoutError:
        raise NoAnswerError("the host name was not resolved in time", sent=False, timed_out=True) from None
    except OSError as error:
        raise NoAnswerError(f"the host name was not found ({error.strerror})", sent=False) from None


#: Judges an answer outside 2xx by its words: (what its status alone means, the answer, whether it is of a
#: write), and returns what it means indeed.
Judge = Callable[[CallError, Answer, bool], CallError]


def by_status(error: CallError, _answer: Answer, _write: bool) -> CallError:
    """Leave an answer what its status says."""
    return error


class HttpApi:
    """One connection's API. Failures become the CallErrors of integrations.errors, redacted and short.

    `pace` is called before each single request, the repeated ones too; what it raises goes through unchanged.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        secrets: Iterable[str] = (),
        words: Callable[[Answer], str],
        allow_private_hosts: bool,
        pace: Callable[[], None],
        judge: Judge = by_status,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"User-Agent": USER_AGENT, **headers}
        self._secrets = tuple(secrets)
        self._words = words
        self._allow_private_hosts = allow_private_hosts
        self._pace = pace
        self._judge = judge

    def read(self, path: str, params: Mapping[str, str | int] | None = None) -> Answer:
        """GET; asked once more where the connection was lost. Raises all CallErrors but AmbiguousError."""
        url = f"{self._base_url}{path}" + (f"?{urlencode(params)}" if params else "")
        outgoing = Outgoing("GET", url, self._headers)
        try:
            return self._attempt(outgoing, READ_LIMITS)
        except NoAnswerError as first:
            if first.timed_out:
                raise UnreachableError(self._safe(f"{first}")) from None
        try:
            return self._attempt(outgoing, READ_LIMITS)
        except NoAnswerError as second:
            raise UnreachableError(self._safe(f"{second}")) from None

    def write(self, method: str, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a body once, never again. Raises any CallError; AmbiguousError where it may have been done."""
        merged = {**self._headers, "Content-Type": "application/json", **(headers or {})}
        outgoing = Outgoing(method, f"{self._base_url}{path}", merged, body)
        try:
            return self._attempt(outgoing, WRITE_LIMITS)
        except NoAnswerError as error:
            kind: type[CallError] = AmbiguousError if error.sent else UnreachableError
            raise kind(self._safe(f"{error}")) from None

    def _attempt(self, outgoing: Outgoing, limits: Limits) -> Answer:
        self._pace()
        try:
            answer = exchange(outgoing, limits=limits, allow_private_hosts=self._allow_private_hosts)
        except BlockedAddressError as error:
            raise RejectedError(self._safe(f"not called: {error}")) from None
        if answer.ok:
            return answer
        write = outgoing.method != "GET"
        meant = failure(answer, lambda a: self._safe(self._words(a)), write=write, now=datetime.now(UTC))
        raise self._judge(meant, answer, write)

    def _safe(self, text: str) -> str:
        return safe_text(text, self._secrets)


class _OverLine(HTTPAdapter):
    """Has every connection of a session made by one Line."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """Return the pool for a request (requests documents this as the place to subclass)."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        made = PinnedTlsConnection if pool.scheme == "https" else PinnedConnection
        pool.ConnectionCls = partial(made, line=self._line)
        return pool


class _ObservedBody(io.BytesIO):
    """A request body that knows whether it was asked for.

    Headers go out before the body, and no server acts on a body it did not get: as long as nobody read
    from here, nothing was done. That tells a refused connection or a failed TLS handshake from a lost answer.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.observed = not content

    def read(self, size: int | None = -1, /) -> bytes:
        self.observed = True
        return super().read(size)


def _send(
    session: requests.Session, outgoing: Outgoing, body: _ObservedBody, limits: Limits
) -> requests.Response:
    return session.request(
        outgoing.method,
        outgoing.url,
        headers={**outgoing.headers, "Connection": "close"},
        data=body if outgoing.body else None,
        timeout=(limits.connect_seconds, limits.read_seconds),
        allow_redirects=False,
        stream=True,
    )


def _bounded(response: requests.Response, limits: Limits, line: Line) -> Answer:
    received = bytearray()
    raw: Any = response.raw
    while chunk := raw.read1(CHUNK_BYTES, decode_content=True):
        received += chunk
        if len(received) > limits.answer_bytes:
            raise requests.RequestException(f"the answer is larger than {limits.answer_bytes} bytes")
    if line.expired:  # an answer without a declared length would look complete
        raise requests.Timeout(_too_long(limits))
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status_code, headers=headers, body=bytes(received))


def _too_long(limits: Limits) -> str:
    return f"the answer took longer than {limits.total_seconds} s"


def _reason(error: Exception) -> str:
    """Say what went wrong without the library's text, which repeats the URL with its query string."""
    if isinstance(error, requests.ConnectTimeout):
        return "no connection within the time-out"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "no answer within the time-out"
    if isinstance(error, requests.exceptions.SSLError):
        return "the TLS connection failed"
    if type(error) is requests.RequestException:
        return str(error)
    if isinstance(error, requests.exceptions.InvalidHeader):
        return "a credential contains characters that no header may carry"
    return f"the connection failed ({_system_reason(error)})"


def _system_reason(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, ConnectionResetError | ConnectionRefusedError | BrokenPipeError):
            return error.strerror or "closed without an answer"
        error = error.__cause__ or error.__context__
    return "closed without a complete answer"
