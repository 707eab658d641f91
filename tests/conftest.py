"""The embedded servers that all tests of one run share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.runtime.embedded import hold, release
from worker.runtime.home import Home
from worker.runtime.locks import UserLock, starting


@pytest.fixture(scope="session")
def home() -> Iterator[Home]:
    """A home with PostgreSQL and Redis running, until the end of the run."""
    # not tmp_path: its parent is closed to PostgreSQL's own user, and too long for a socket's path
    with tempfile.TemporaryDirectory(prefix="tw-", dir="/tmp") as path:
        shared = Home(Path(path) / "home")
        hold(shared, postgres=True, redis=True)
        with starting(shared):
            # the tests of the runtime release every home of this process; this share keeps the servers up
            share = UserLock(shared)
        yield shared
        share.close()
        hold(shared, postgres=True, redis=True)
        release()
