"""Whatever a PSA, or anybody, may send: read, or refused with PayloadError."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.errors import PayloadError
from integrations.payload import is_storable_text
from integrations.ports import Event, WebhookRequest
from integrations.registry import PROVIDERS
from tests.integration.contract.pieces import PAYLOADS

pytestmark = pytest.mark.integration

NOW = datetime(2026, 6, 2, 14, 3, 11, tzinfo=UTC)
#: Characters; longer ones would not fit an index of PostgreSQL beside the connection's id.
MAX_KEY = 1000
FILES = sorted(path for name in PROVIDERS for path in (PAYLOADS / name).glob("*.json"))

TEXT = st.text(max_size=20) | st.sampled_from(["\x00", "\ud800", "x" * 5000])
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


def recorded(path: Path) -> tuple[dict[str, Any], WebhookRequest]:
    document = json.loads(path.read_text())
    request = WebhookRequest(document["body"].encode(), document["headers"], NOW, document["appended"])
    return document, request


def read(name: str, request: WebhookRequest) -> list[Event]:
    """Return the events, all of them fit to be stored; none where the body was refused."""
    try:
        events = list(PROVIDERS[name].parse(request))
    except PayloadError:
        return []
    assert events
    for event in events:
        assert 0 < len(event.dedupe_key) <= MAX_KEY
        for text in (event.dedupe_key, event.ticket_id, event.reason):
            assert text is None or is_storable_text(text)
    return events


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recorded_payload_is_read_as_it_says(path):
    document, request = recorded(path)
    events = read(path.parent.name, request)
    assert [{"kind": e.kind.value, "ticket_id": e.ticket_id} for e in events] == document["events"]
    assert document["source"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_same_payload_again_has_the_same_keys(path):
    _, request = recorded(path)
    keys = [event.dedupe_key for event in read(path.parent.name, request)]
    assert [event.dedupe_key for event in read(path.parent.name, request)] == keys
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_mutated_payload_is_read_or_refused(path, data):
    _, request = recorded(path)
    body = data.draw(_mutations(request.body))
    read(path.parent.name, WebhookRequest(body, request.headers, NOW, request.appended))


@pytest.mark.parametrize("name", sorted(PROVIDERS))
@settings(deadline=None, max_examples=60)
@given(body=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()), appended=TEXT)
def test_anything_at_all_is_read_or_refused(name, body, appended):
    headers = {"webhook-id": "msg_1"} if PROVIDERS[name].carries_commands else {}
    read(name, WebhookRequest(body, headers, NOW, appended))


@st.composite
def _mutations(draw: st.DrawFn, body: bytes) -> bytes:
    """The body cut short, with one byte changed, or with one value replaced or taken away."""
    way = draw(st.sampled_from(["cut", "flip", "replace", "drop"]))
    if way == "cut":
        return body[: draw(st.integers(0, len(body)))]
    if way == "flip":
        place = draw(st.integers(0, len(body) - 1))
        return body[:place] + bytes([body[place] ^ draw(st.integers(1, 255))]) + body[place + 1 :]
    value = json.loads(body)
    *way_down, last = draw(st.sampled_from(list(_places(value))))
    holder = value
    for step in way_down:
        holder = holder[step]
    if way == "drop":
        del holder[last]
    else:
        holder[last] = draw(JSON)
    return json.dumps(value).encode()


def _places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    found = []
    for step in steps:
        found += [(*above, step), *_places(value[step], (*above, step))]
    return found
