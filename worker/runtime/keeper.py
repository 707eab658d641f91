"""A program for the supervisor: keeps the embedded servers of a home answering, and restarts one that dies.

Run as `python -m worker.runtime.keeper HOME postgres redis`.
"""

import select
import sys
from pathlib import Path

from worker.runtime.embedded import hold, release
from worker.runtime.errors import EmbeddedServerError
from worker.runtime.home import Home
from worker.runtime.wake_up import STOP_SIGNALS, signals_as_bytes

#: Seconds between two looks at the servers: less than one sweep (2 s), so a dead one delays little.
LOOK_AGAIN_SECONDS = 1.0

#: Bytes of signals to take at once; each is one byte, and more wait for the next turn.
SIGNAL_BYTES = 256


def main(arguments: list[str]) -> int:
    """Return 0 after a stop signal, 1 when a server cannot run; the supervisor then tries again."""
    try:
        _keep(Home(Path(arguments[0])), arguments[1:])
    except EmbeddedServerError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the supervisor shows it
        return 1
    return 0


def _keep(home: Home, names: list[str]) -> None:
    """Return after a stop signal, which never cuts a start in two."""
    with signals_as_bytes() as wake_up:
        received = b""
        hold(home, postgres="postgres" in names, redis="redis" in names)
        print("embedded servers answer:", *names, flush=True)  # noqa: T201 - the supervisor shows it
        while not any(number in STOP_SIGNALS for number in received):
            hold(home, postgres="postgres" in names, redis="redis" in names)
            readable, _, _ = select.select([wake_up], [], [], LOOK_AGAIN_SECONDS)
            received = wake_up.recv(SIGNAL_BYTES) if readable else b""
        release()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
