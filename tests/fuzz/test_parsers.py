"""A short run of the fuzzing of parsers; `make fuzz` is the long one."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.registry import PROVIDERS
from tests.fuzz.inputs import CORPUS, mutated, seeds
from tests.fuzz.parsers import PARSERS, Parser

NAMES = sorted(PARSERS)


def test_every_provider_is_fuzzed_from_seeds_of_its_own():
    kinds = {parser.kind for parser in PARSERS.values()}
    assert PROVIDERS.keys() <= kinds
    assert kinds == {file.stem for file in CORPUS.glob("*.txt")}


@pytest.mark.parametrize("name", NAMES)
def test_seeds_are_read_or_refused(name):
    for seed in seeds(PARSERS[name].kind):
        PARSERS[name].survives(seed)


@pytest.mark.parametrize("name", NAMES)
@given(place=st.integers(0, 2**32), accidents=st.integers(0, 2**64))
@settings(max_examples=150, deadline=None)
def test_seeds_after_accidents_are_read_or_refused(name, place, accidents):
    candidates = seeds(PARSERS[name].kind)
    PARSERS[name].survives(mutated(candidates[place % len(candidates)], random.Random(accidents)))  # noqa: S311


@pytest.mark.parametrize("name", NAMES)
@given(st.binary(max_size=500))
@settings(max_examples=50, deadline=None)
def test_any_bytes_are_read_or_refused(name, data):
    PARSERS[name].survives(data)


#: What a reader may search the rest of a text for, and not find.
PIECES = (
    b"<!--",
    b"<script>",
    b"<a",
    b"&#",
    b"http://",
    b"://",
    b"?a=",
    b" ",
    b"\n",
    b"[",
    b'{"a":',
    b"a.",
    b"\\",
)
LONG_BYTES = 128 * 1024


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", NAMES)
def test_a_long_input_of_one_piece_is_read_or_refused_in_time(name):
    """What takes the square of its input's length does not end within the bound."""
    for piece in PIECES:
        PARSERS[name].survives(piece * (LONG_BYTES // len(piece)))


def test_a_parser_that_fails_otherwise_is_noticed():
    def breaks(data: bytes) -> int:
        return 1 // len(data)

    with pytest.raises(ZeroDivisionError):
        Parser(breaks, "json", (ValueError,)).survives(b"")
