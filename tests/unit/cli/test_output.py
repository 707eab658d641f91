"""What people wrote is shown as they wrote it, and steers no terminal."""

import json
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from worker.cli.output import print_rows, printable

ANY_TEXT = st.text(st.characters())


def shown(text: str) -> str:
    """Return what a terminal gets of a cell with this text."""
    console = Console(width=100_000, force_terminal=True, color_system="truecolor", highlight=False)
    with console.capture() as captured:
        console.print(printable(text))
    return captured.get().removesuffix("\n")


@given(ANY_TEXT)
def test_no_text_reaches_the_terminal_as_anything_but_text(text):
    assert shown(text).replace("\n", "").isprintable()


def test_markup_and_links_are_shown_not_obeyed():
    assert shown("[bold red]x[/] [link=http://evil.example]y[/link] :bomb:") == (
        "[bold red]x[/] [link=http://evil.example]y[/link] :bomb:"
    )


def test_a_table_of_hostile_text_has_no_escape_in_it(capsys):
    print_rows(
        [{"summary": "\x1b]0;owned\x07[red]", "emoji": "😀", "half": "\udc80"}], as_json=False, empty=""
    )
    out = capsys.readouterr().out
    assert "\\x1b]0;owned\\x07[red]" in out
    assert "😀" in out
    assert "\x1b" not in out


def test_json_of_hostile_text_is_ascii_and_comes_back_as_it_was(capsys):
    rows = [{"summary": "\x1b[1m\u202e😀\ud83d\x00"}]
    print_rows(rows, as_json=True, empty="")
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == rows


def test_a_terminal_that_knows_only_ascii_gets_a_sentence_and_no_traceback():
    done = subprocess.run(
        [sys.executable, "-m", "worker", "flow", "check", "/nowhere/é"],
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == b"ticketwalk: /nowhere/\\xe9 cannot be read: No such file or directory\n"
