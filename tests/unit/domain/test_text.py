"""Text that Postgres can hold."""

import pytest

from worker.domain.text import json_size, made_storable, storable, storable_json


@pytest.mark.parametrize("text", ["", "plain", "é 😀 \n\t", "\x01\x7f", "\ufffe\uffff"])
def test_ordinary_text_is_returned_as_it_is(text):
    assert storable(text) == text
    assert made_storable(text) == text


@pytest.mark.parametrize(("text", "kept"), [("a\x00b", "a\ufffdb"), ("a\ud83db", "a\ufffd\ufffd\ufffdb")])
def test_what_postgres_cannot_store_is_refused_or_replaced(text, kept):
    with pytest.raises(ValueError, match="cannot be stored"):
        storable(text)
    assert made_storable(text) == kept


@pytest.mark.parametrize(
    "value",
    [{"a": "\x00"}, {"\x00": 1}, [["\udfff"]], {"a": [{"b": float("nan")}]}, [float("inf")], float("-inf")],
)
def test_json_is_searched_to_the_last_leaf(value):
    with pytest.raises(ValueError, match=r"cannot be stored|does not have"):
        storable_json(value)


def test_json_that_can_be_stored_is_returned_as_it_is():
    value = {"a": [1, 2.5, None, True, "é"], "b": {}}
    assert storable_json(value) is value


@pytest.mark.parametrize(("value", "size"), [([], 2), ({"a": 1}, 7), (["é"], 6), ([1, 2], 5)])
def test_the_size_of_json_is_in_bytes_of_compact_utf8(value, size):
    assert json_size(value) == size
