"""One line per outcome, whatever a stranger wrote; and no word of an error."""

import json
import logging
import sys
from collections.abc import Callable, Iterator

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.logs import configure_logs

ANY_TEXT = st.text(st.characters())


@pytest.fixture
def restored() -> Iterator[None]:
    """Leave logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def lines(restored: None, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """Log through the real set-up, for a file or for a terminal; return the lines that came out."""

    def log(*, tty: bool = False, event: str = "delivery refused", **fields: object) -> list[str]:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(sys.stderr, "isatty", lambda: tty)
            configure_logs()
            structlog.get_logger("test").warning(event, **fields)
        return capsys.readouterr().err.removesuffix("\n").split("\n")

    return log


@given(ANY_TEXT)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_a_line_for_programs_is_one_line_of_ascii(lines, text):
    (line,) = lines(reason=text)
    assert line.isascii()
    assert json.loads(line)["reason"] == text


@given(ANY_TEXT)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_a_line_at_a_terminal_is_one_line_that_only_we_colour(lines, text):
    (line,) = lines(tty=True, reason="<" + text + ">")
    said = line[line.index("<") : line.rindex(">")]
    assert said.isprintable()


@pytest.mark.parametrize("tty", [False, True])
def test_an_error_of_a_library_is_logged_by_its_kind_and_place_only(lines, tty):
    try:
        int("postgresql://user:hunter2@db")
    except ValueError:
        (line,) = lines(tty=tty, event="it failed", exc_info=sys.exc_info())
    assert "hunter2" not in line
    assert "ValueError" in line
    assert "test_logs.py" in line


def test_a_library_says_nothing_at_debug_where_calls_would_be_logged_with_their_arguments(restored, capsys):
    configure_logs("DEBUG")
    logging.getLogger("celery.pool").debug("TaskPool: Apply notes.save (kwargs: the-customers-words)")
    structlog.get_logger("worker.test").debug("a draft was looked for")
    said = capsys.readouterr().err
    assert "a draft was looked for" in said
    assert "the-customers-words" not in said
