"""Every parser that reads what strangers send, and the only errors that it may fail with."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace

import yaml

from integrations.addresses import check_url
from integrations.answers import Answer, failure, retry_after
from integrations.errors import CallError, PayloadError, ProviderError
from integrations.halopsa.markup import to_html, to_text
from integrations.payload import json_object, json_value
from integrations.ports import Link, Provider, WebhookRequest
from integrations.redaction import safe_text
from integrations.registry import PROVIDERS
from tests.fuzz.answering import call, fetch_key
from tests.fuzz.inputs import CORPUS, WEBHOOK_HEADERS
from worker.broker import flaw
from worker.cli.documents import parse_document
from worker.domain.flow import parse_tree
from worker.domain.requests import REQUESTS, read_request, read_standard
from worker.domain.text import made_storable, storable, visible
from worker.domain.triggers import parse_rules
from worker.errors import Refusal

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
#: Splits an input into its parts: headers before a body, a name before a value.
PART = b"\x1e"
#: Connections as the receiver has them; no key server can be reached from a parser.
LINK = Link(
    "connection",
    "https://psa.example",
    {"company": "acme"},
    ("whsec_Zmlyc3QtZmlyc3QtZmlyc3QtZmlyc3QtZmlyc3Q=",),
)


@dataclass(frozen=True)
class Parser:
    """`read` takes any bytes; it returns, or raises one of `refusals`. `kind` names its seeds."""

    read: Callable[[bytes], object]
    kind: str
    refusals: tuple[type[Exception], ...] = ()

    def survives(self, data: bytes) -> None:
        """Return where the parser behaves; anything else it raises."""
        try:
            self.read(data)
        except self.refusals:
            return


def _webhook(data: bytes) -> WebhookRequest:
    """Read `header PART … PART body`; the headers are named in the order of the providers' own."""
    *values, body = data.split(PART)
    headers = {name: value.decode("latin-1") for name, value in zip(WEBHOOK_HEADERS, values, strict=False)}
    return WebhookRequest(body, headers, NOW)


def _verifies(provider: Provider) -> Callable[[bytes], object]:
    return lambda data: provider.verify(_webhook(data), LINK)


def _parses(provider: Provider) -> Callable[[bytes], object]:
    def parse(data: bytes) -> None:
        for event in provider.parse(_webhook(data)):
            # what is stored as text, and is a key of the store
            storable(event.dedupe_key)
            storable(event.ticket_id or "")
            storable(event.reason or "")
            assert 0 < len(event.dedupe_key) <= 1_000
            if event.command is not None:
                json.dumps(event.command).encode()

    return parse


def _is_answered(provider: Provider) -> Callable[[bytes], object]:
    return lambda data: call(provider, data)


def _answers_of(name: str) -> str:
    """Return the seeds for a PSA's answers to our calls: its own, once they are recorded."""
    own = f"{name}-answers"
    return own if (CORPUS / f"{own}.txt").exists() else "answer"


def _standard(data: bytes) -> None:
    message = json_value(data)
    if isinstance(message, dict) and {"type", "data"} <= message.keys() and isinstance(message["data"], dict):
        kind, request = read_standard(message, connection="c")
        json.dumps([kind, request.payload()])


def _request(data: bytes) -> None:
    arguments = json_object(data)
    for command_type in REQUESTS:
        with suppress(Refusal):
            json.dumps(read_request(command_type, arguments).payload()).encode()


def _answer(data: bytes) -> None:
    value = data.decode("latin-1")
    assert 1 <= retry_after(value, NOW).total_seconds() <= 3_600
    for status in (301, 404, 408, 409, 429, 500, 503):
        answer = Answer(status, {"retry-after": value, "link": value}, data)
        error = failure(answer, lambda a: safe_text(a.body.decode("utf-8", "replace")), write=True, now=NOW)
        assert str(error).isprintable()
    _ = answer.has_next_page
    answer.json()


def _text(data: bytes) -> None:
    text = data.decode("utf-8", "surrogatepass")
    assert visible(text).isprintable()
    storable(made_storable(text))
    assert len(safe_text(text, ["secret"])) <= 300


def _markup(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    made_storable(to_text(text)).encode()
    shown = to_html(text)
    shown.encode()
    assert to_html(to_text(shown)) == shown


def _message(data: bytes) -> None:
    headers, _, rest = data.partition(PART)
    properties, _, body = rest.partition(PART)
    reason = flaw(
        SimpleNamespace(
            content_type="application/json",
            content_encoding="utf-8",
            headers=json_value(headers),
            properties=json_value(properties),
            delivery_info={},
            body=body,
        )
    )
    assert reason is None or len(reason) < 200


#: What `worker.cli.documents.read_file` turns into a sentence, and what the readers behind it raise.
DOCUMENT_ERRORS = (yaml.YAMLError, ValueError, OverflowError, RecursionError)

PARSERS: Mapping[str, Parser] = {
    "json": Parser(json_value, "json", (PayloadError,)),
    **{
        f"{name}: parse": Parser(_parses(provider), name, (PayloadError,))
        for name, provider in PROVIDERS.items()
    },
    **{
        f"{name}: verify": Parser(_verifies(provider), name, (ProviderError,))
        for name, provider in PROVIDERS.items()
    },
    **{
        f"{name}: answers": Parser(_is_answered(provider), _answers_of(name), (CallError,))
        for name, provider in PROVIDERS.items()
    },
    "connectwise: key": Parser(fetch_key, "key", (ProviderError,)),
    "halopsa: markup": Parser(_markup, "markup"),
    "standard: command": Parser(_standard, "command", (PayloadError, Refusal)),
    "requests": Parser(_request, "arguments", (PayloadError,)),
    "rules": Parser(lambda data: parse_rules(parse_document(data.decode())), "rules", DOCUMENT_ERRORS),
    "flows": Parser(lambda data: parse_tree(parse_document(data.decode())), "flow", DOCUMENT_ERRORS),
    "answers": Parser(_answer, "answer", (PayloadError,)),
    "texts": Parser(_text, "text", (UnicodeDecodeError,)),
    "messages": Parser(_message, "message", (PayloadError,)),
    "addresses": Parser(
        lambda data: check_url(data.decode(), allow_private_hosts=False), "address", (ValueError,)
    ),
}
