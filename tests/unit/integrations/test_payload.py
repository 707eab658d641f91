"""JSON from strangers."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.errors import PayloadError
from integrations.payload import MAX_DEPTH, json_object, json_value, require_storable

HOSTILE = [
    b"",
    b"{",
    b'{"a": 1',
    b"nonsense",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": ' + b"9" * 5000 + b"}",
    b'\xff\xfe{"a": 1}',
    '{"a": 1}'.encode("utf-16"),
    b'{"a": "\xed\xa0\x80"}',
    b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2),
]


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: repr(body[:12]))
def test_a_hostile_body_is_a_payload_error(body):
    with pytest.raises(PayloadError):
        json_value(body)


@pytest.mark.parametrize("body", [b"[]", b"1", b'"text"', b"null", b"true"])
def test_json_that_is_no_object_is_a_payload_error(body):
    with pytest.raises(PayloadError, match="not a JSON object"):
        json_object(body)


def test_nesting_up_to_the_limit_is_read():
    body = b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH
    assert json_object(body)


def test_a_byte_order_mark_is_read_over():
    assert json_object(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    "value", ["a\x00b", {"k\x00": 1}, ["\ud800"], {"a": [1e999]}, [2**63], {"a": {"b": -(2**63)}}]
)
def test_what_postgres_cannot_keep_is_refused(value):
    with pytest.raises(PayloadError):
        require_storable(value)


def test_ordinary_values_are_storable():
    require_storable({"a": ["é", "😀", 1, 1.5, True, None, {"b": 2**63 - 1}]})


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    try:
        json_value(body)
    except PayloadError as error:
        assert len(str(error)) < 60  # noqa: PT017 (either outcome is right; the text must be ours)
