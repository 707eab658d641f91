"""The command line. Errors are one plain line; exit codes: 0 done, 1 refused or failed, 2 usage."""

import io
import os
import signal
import sys

import typer
from sqlalchemy.exc import DBAPIError

from worker.cli.app import app
from worker.domain.text import visible
from worker.errors import TicketwalkError
from worker.runtime.errors import EmbeddedServerError

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave with its exit code."""
    # without this, SIGTERM would skip the exit in which the last process of a home stops its servers
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    _show_what_can_be_shown()
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        sys.exit(_say(_sentence(error), code=2))
    except (TicketwalkError, EmbeddedServerError) as error:
        sys.exit(_say(str(error), code=1))
    except DBAPIError as error:
        sentence = str(error.orig).partition("\n")[0]
        sys.exit(_say(f"PostgreSQL refuses: {sentence} (see: ticketwalk doctor, ticketwalk migrate)", code=1))
    except typer.Abort:
        sys.exit(_say("stopped", code=130))
    except BrokenPipeError:
        # whoever read our output has had enough; nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _show_what_can_be_shown() -> None:
    """A terminal that knows only ASCII gets escapes instead of a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _sentence(error: typer.TyperException) -> str:
    message = getattr(error, "format_message", lambda: str(error))()
    return " ".join(str(message).split())


def _say(sentence: str, *, code: int) -> int:
    print(f"ticketwalk: {visible(sentence)}", file=sys.stderr)  # noqa: T201 - the one line of an error
    return code
