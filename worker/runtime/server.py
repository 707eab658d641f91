"""What both embedded servers have in common: proof of life, coming up, and going down.

A server inherits an open, locked *life file* when it starts. The kernel frees that lock when the last
process that has the file open is gone, and not earlier. So a held lock means alive, whatever pid files say
after a crash or a reboot, and without the rights that looking into another user's process needs.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from worker.runtime.errors import EmbeddedServerError

#: Seconds to wait for a server to come up (after a crash it replays its log) or to end, on a busy machine.
PATIENCE_SECONDS = 60.0

#: Seconds between two looks at a server that is not our child and so cannot be waited for.
LOOK_AGAIN_SECONDS = 0.05

#: Bytes a log may have when its server starts; a longer one is put aside, replacing the one before.
MAX_LOG_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class Server:
    """One embedded server. `start` spawns it and passes the life file's descriptor on; it need not wait."""

    name: str
    log: Path
    life_file: Path
    answers: Callable[[], bool]
    start: Callable[[int], None]

    def is_alive(self) -> bool:
        """Say whether any process of the server exists; it may be too young or too busy to answer."""
        try:
            with _life(self.life_file):
                return False
        except BlockingIOError:
            return True


def come_up(server: Server) -> None:
    """Return when the server answers; start it if it is not alive. Call under the start lock."""
    started = False
    heard = 0
    for _ in _patiently():
        if server.answers():
            return
        if server.is_alive():
            continue
        if started:
            raise EmbeddedServerError(f"{server.name} did not start: {_reason(server.log, heard)}")
        _put_aside(server.log)
        heard = server.log.stat().st_size if server.log.exists() else 0
        with _life(server.life_file) as life:
            server.start(life)
        started = True
    raise EmbeddedServerError(f"{server.name} does not answer; its log is {server.log}.")


def await_end(server: Server) -> None:
    """Return when no process of the server is left."""
    for _ in _patiently():
        if not server.is_alive():
            return
    raise EmbeddedServerError(f"{server.name} does not stop; its log is {server.log}.")


@contextmanager
def _life(file: Path) -> Iterator[int]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    finally:
        os.close(descriptor)


def _patiently() -> Iterator[None]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    while time.monotonic() < deadline:
        yield
        pause.wait(LOOK_AGAIN_SECONDS)


def _put_aside(log: Path) -> None:
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_name(log.name + ".1"))


def _reason(log: Path, heard: int) -> str:
    """Return why this start failed, in the server's own words, and where to read on."""
    said = log.read_bytes()[heard:].decode(errors="replace").splitlines() if log.exists() else []
    complaints = [line for line in said if "FATAL:" in line or "PANIC:" in line] or said[-1:]
    words = complaints[0].strip().rstrip(".") if complaints else "it gave no reason"
    return f"{words}; its log is {log}."
