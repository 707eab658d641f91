"""The marks of our notes, and texts that are too long for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.marker import marked, marker, split_text


def test_a_marker_is_stable_and_short():
    assert marker("secret", "entry:1") == "[tw:86e8b6aa]"


def test_markers_differ_by_entry_and_by_secret():
    marks = {marker("secret", "entry:1"), marker("secret", "entry:2"), marker("other", "entry:1")}
    assert len(marks) == 3


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", [""]),
        ("short", ["short"]),
        ("12345\n1234\n", ["12345\n", "1234\n"]),
        ("123\n567\n", ["123\n567\n"]),
        ("123456789ab", ["12345678", "9ab"]),
        ("a\n123456789\nb", ["a\n", "12345678", "9\nb"]),
        ("12345678\n", ["12345678", "\n"]),
    ],
)
def test_a_text_is_split_on_line_ends_and_a_longer_line_is_cut(text, parts):
    assert split_text(text, limit=8) == parts


@given(st.text(alphabet=st.sampled_from("ab \n\r\u2028é😀")), st.integers(1, 12))
def test_the_parts_join_to_the_text_and_none_is_longer_than_the_limit(text, limit):
    parts = split_text(text, limit=limit)
    assert "".join(parts) == text
    assert all(len(part) <= limit for part in parts)
    assert all(parts) or text == ""


@pytest.mark.parametrize(
    ("note", "ours"),
    [
        ("L1 walk: resolved [tw:7c1f9e2a]", True),
        ("(2/3) [tw:00000000]\nmore", True),
        ("the label says [tw:", False),
        ("[tw:7C1F9E2A]", False),
        ("[tw:7c1f9e2]", False),
    ],
)
def test_only_a_whole_mark_makes_a_note_ours(note, ours):
    assert marked(note) is ours
