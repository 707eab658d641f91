"""What a PSA answers to our calls, as a parser: every answer of a call comes out of the input."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from integrations import http
from integrations.answers import Answer
from integrations.connectwise import keys
from integrations.http import NoAnswerError, Outgoing
from integrations.ports import Link, NotePurpose, NotePush, Provider, PsaClient, TimePush

#: Splits an input into answers.
PART = b"\x1e"
#: An answer may say its status, and that there is another page; without, it is 200 and the last.
HEAD = re.compile(rb"([1-5]\d\d)(\+?) ")
TOKEN_PATH = "/auth/token"
GRANT = Answer(200, {}, b'{"access_token": "token", "expires_in": 3600}')
#: Hosts that each provider takes for its own.
BASE_URLS = {"autotask": "https://webservices5.autotask.net", "standard": "https://tool.example/in"}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NOTE = NotePush("1", "7", NotePurpose.RESOLUTION, "Router restarted [tw:7c1f9e2a]", {})
TIME = TimePush("1", "7", "17", NOW, NOW, "[tw:7c1f9e2a]")
URL = "https://ticketwalk.example/webhooks/x/1"

Call = Callable[[PsaClient], object]
#: In the order in which the first byte of an input chooses.
CALLS: tuple[Call, ...] = (
    lambda client: client.check(),
    lambda client: client.ticket("7"),
    lambda client: client.notes("7"),
    lambda client: client.find_note("7", "[tw:7c1f9e2a]"),
    lambda client: client.find_time("7", "[tw:7c1f9e2a]"),
    lambda client: list(client.changed_since(NOW)),
    lambda client: client.registration(URL),
    lambda client: client.set_status("7", "Closed"),
    lambda client: client.send_note(NOTE, client.prepare_note(NOTE)),
    lambda client: client.send_time(TIME, client.prepare_time(TIME)),
    lambda client: client.register(URL),
)
SEND_NOTE = 8


def call(provider: Provider, data: bytes) -> None:
    """Have a new client of the provider make one call. What it returns must be fit for the store."""
    name = provider.name
    chosen = SEND_NOTE if provider.carries_commands else (data[0] if data else 0) % len(CALLS)
    link = Link(
        "connection",
        BASE_URLS.get(name, "https://psa.example"),
        dict.fromkeys(provider.credential_names, "7"),
        ("whsec_Zmlyc3QtZmlyc3QtZmlyc3QtZmlyc3QtZmlyc3Q=",),
    )
    with _answered(http, data[1:], grants=chosen > 0):
        returned = CALLS[chosen](type(provider)().client(link))
    repr(returned).encode("utf-8", "surrogatepass")


def fetch_key(data: bytes) -> None:
    """Fetch a signing key, as a ConnectWise connection does."""
    with _answered(keys, data, grants=False):
        keys.hmac_key(keys.fetch_signing_key("https://psa.example/callbackkey", False))


@contextmanager
def _answered(module: Any, data: bytes, *, grants: bool) -> Iterator[None]:
    """Let no call out. `grants`: tokens are given, so that what comes after them is reached."""
    answers = iter(data.split(PART))

    def exchange(outgoing: Outgoing, **_: object) -> Answer:
        if grants and TOKEN_PATH in outgoing.url:
            return GRANT
        try:
            return _answer(next(answers))
        except StopIteration:
            raise NoAnswerError("no answer", sent=True) from None

    real = module.exchange
    module.exchange = exchange
    try:
        yield
    finally:
        module.exchange = real


def _answer(part: bytes) -> Answer:
    head = HEAD.match(part)
    if head is None:
        return Answer(200, {}, part)
    more = {"link": '<https://psa.example/x?page=2>; rel="next"'} if head[2] else {}
    return Answer(int(head[1]), more, part[head.end() :])
