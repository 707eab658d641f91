"""Embedded servers while somebody uses them: a home's first process starts them, its last one stops them."""

import atexit
import os
import shutil
import sys
import threading

from worker.runtime import postgres, redis
from worker.runtime.directories import prepare
from worker.runtime.errors import EmbeddedServerError, plain_errors
from worker.runtime.home import Home
from worker.runtime.locks import UserLock, starting

__all__ = ["EmbeddedServerError", "hold", "release"]

#: What this process holds. A forked child inherits the dictionary, but holds nothing: the process id tells.
_holds: dict[tuple[int, Home], UserLock] = {}
_holds_lock = threading.RLock()


def hold(home: Home, *, postgres: bool, redis: bool) -> None:
    """Have the servers asked for answer now, and let nobody stop them while this process lives.

    Call it again at any time: it restarts a server that has died. At the end of the process (not at its death
    by a signal) the hold ends by itself. Raises EmbeddedServerError.
    """
    with _holds_lock, plain_errors(home.path):
        prepare(home)  # for the lock files
        with starting(home):
            prepare(home)  # the last one before us may have removed the sockets' directory meanwhile
            _take(home)
            _ensure(home, with_postgres=postgres, with_redis=redis)


def release() -> None:
    """Let go of every home now; the last process of a home stops its servers cleanly.

    Raises EmbeddedServerError.
    """
    with _holds_lock:
        for pid, home in list(_holds):
            lock = _holds.pop((pid, home))
            if pid == os.getpid():
                _leave(home, lock)


def _take(home: Home) -> None:
    key = (os.getpid(), home)
    if key not in _holds:
        _holds[key] = UserLock(home)
        atexit.register(_release_at_exit)


def _ensure(home: Home, *, with_postgres: bool, with_redis: bool) -> None:
    if with_postgres:
        postgres.ensure_running(home)
    if with_redis:
        redis.ensure_running(home)


def _leave(home: Home, lock: UserLock) -> None:
    try:
        with plain_errors(home.path), starting(home):
            if lock.is_last():
                redis.stop(home)
                postgres.stop(home)
                shutil.rmtree(home.socket_directory, ignore_errors=True)  # it may lie outside the home
    finally:
        lock.close()


def _release_at_exit() -> None:
    try:
        release()
    except EmbeddedServerError as error:
        print(f"ticketwalk: {error}", file=sys.stderr)  # noqa: T201 - logging may be closed at this point
