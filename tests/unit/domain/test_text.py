"""Text that Postgres can hold, and that a screen can show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.text import json_size, made_storable, storable, storable_json, visible

#: Every character there is, half ones too.
ANY_TEXT = st.text(st.characters())


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


@given(ANY_TEXT)
def test_text_of_a_stranger_can_always_be_stored_once_it_is_made_so(text):
    assert storable(made_storable(text)).encode().decode() == made_storable(text)


@given(ANY_TEXT)
def test_text_that_is_shown_holds_nothing_that_steers(text):
    assert visible(text).isprintable()


@given(st.text(st.characters(codec="utf-8")).filter(str.isprintable))
def test_text_that_does_no_harm_is_shown_as_it_is(text):
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\u202ecod.exe", "a\\u202ecod.exe"),
        ("one\ntwo", "one\\x0atwo"),
        ("half \ud83d", "half \\ud83d"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("[bold]é 😀[/bold]", "[bold]é 😀[/bold]"),
    ],
)
def test_what_steers_a_terminal_is_spelled_out(text, shown):
    assert visible(text) == shown
