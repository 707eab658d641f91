"""Who uses a home: a shared lock for each process, and one exclusive lock for starting and stopping.

Locks of the kernel, not files with process ids: a process that is killed lets go of them by itself.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from worker.runtime.errors import EmbeddedServerError
from worker.runtime.home import Home

#: Seconds to wait while another process starts or stops both servers, each of which may take 60 s.
PATIENCE_SECONDS = 150.0

#: Seconds between two looks at the lock; the kernel offers no wait with a time limit.
LOOK_AGAIN_SECONDS = 0.05


@contextmanager
def starting(home: Home) -> Iterator[None]:
    """Be the only process that starts or stops the servers of this home."""
    descriptor = _open(home, "start.lock")
    try:
        _take_patiently(descriptor, home)
        yield
    finally:
        os.close(descriptor)


class UserLock:
    """This process's share in a home. Take it and leave it only under `starting`.

    A forked child has a part in its parent's share: the home stays in use until both are gone.
    """

    def __init__(self, home: Home) -> None:
        self._descriptor = _open(home, "users.lock")
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def is_last(self) -> bool:
        """Say whether no other process uses the home. Ask once, before `close`: a no gives up the share."""
        return _try_exclusive(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


def _open(home: Home, name: str) -> int:
    return os.open(home.run / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _take_patiently(descriptor: int, home: Home) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    while not _try_exclusive(descriptor):
        if time.monotonic() > deadline:
            raise EmbeddedServerError(
                f"Another process has been starting or stopping the servers of {home.path} "
                f"for more than {PATIENCE_SECONDS:.0f} s; their logs are in {home.log_directory}."
            )
        pause.wait(LOOK_AGAIN_SECONDS)


def _try_exclusive(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
