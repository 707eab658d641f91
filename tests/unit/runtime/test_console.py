"""The output of several programs on one screen."""

import io
import os

import pytest

from worker.runtime.console import Console, wants_colour


def test_names_are_padded_to_one_width():
    output = io.BytesIO()
    console = Console(output, ["beat", "receiver"], is_coloured=False)

    console.show("beat", [b"tick", b"tock"])

    assert output.getvalue() == b"beat     | tick\nbeat     | tock\n"


def test_the_name_alone_is_coloured():
    output = io.BytesIO()

    Console(output, ["beat"], is_coloured=True).show("beat", [b"tick"], colour=35)

    assert output.getvalue() == b"\x1b[35mbeat | \x1b[0mtick\n"


def test_what_a_program_repeats_of_a_stranger_steers_no_terminal():
    output = io.BytesIO()

    Console(output, ["beat"], is_coloured=False).show("beat", [b"a\tb\x1b[2J\xe2\x80\xae\xff"])

    assert output.getvalue() == "beat | a\tb\\x1b[2J\\u202e\ufffd\n".encode()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, False),
    ],
)
def test_colour_in_a_file_is_a_matter_of_the_environment(environ, expected):
    assert wants_colour(io.BytesIO(), environ) is expected


def test_a_reader_that_has_gone_is_noticed_and_not_an_error():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb", buffering=0) as output:
        console = Console(output, ["beat"], is_coloured=False)

        console.show("beat", [b"tick"])
        console.show("beat", [b"tock"])

    assert console.is_broken
