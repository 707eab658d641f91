"""Programs that a measure starts, and ends."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests

#: A start takes some seconds, and much longer on a machine that is busy.
START_SECONDS = 120.0
STOP_SECONDS = 60.0
#: Wait between two looks, in seconds: a hundredth of what is waited for.
LOOK_SECONDS = 0.02


@contextmanager
def running(argv: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[int]:
    """Run a program from the checkout, its output in a log. Yield its process id."""
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - the service's own programs, and the benchmark's
            argv,
            env=dict(environment),
            cwd=Path(__file__).resolve().parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(what: str, look: Callable[[], bool], *, seconds: float = START_SECONDS) -> None:
    """Return once it is so. Raises TimeoutError after the time."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        pause.wait(LOOK_SECONDS)


def answers(url: str) -> bool:
    """Whether a server says that it is ready."""
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False
