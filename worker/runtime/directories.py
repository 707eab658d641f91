"""The directories of a home, made with the permissions that its servers need and no others."""

import os
import stat
from pathlib import Path

from worker.runtime.errors import EmbeddedServerError, plain_errors
from worker.runtime.home import Home

OWNER_ONLY = 0o700

#: As root, PostgreSQL runs as a user of its own, who passes through the home but cannot list it.
OTHERS_PASS = 0o711


def prepare(home: Home) -> None:
    """Make what is missing of the home's directories.

    Running as root, the home and its parents become passable (never readable) for PostgreSQL's own user.
    """
    mode = OTHERS_PASS if os.geteuid() == 0 else OWNER_ONLY
    with plain_errors(home.path):
        home.path.mkdir(parents=True, exist_ok=True, mode=mode)
        ensure_own(home.path)
        for directory in (home.run, home.log_directory, home.socket_directory):
            _make_own(directory, mode)
        _make_own(home.redis_data, OWNER_ONLY)
        if os.geteuid() == 0:
            make_passable(home.path)


def ensure_own(home: Path) -> None:
    """Refuse a home in which somebody else could replace the key, the configuration or the data.

    Root may: it can anyway. The group may where it is this process's own, as in some containers.
    """
    found = home.stat()
    is_foreign = found.st_uid not in {os.geteuid(), 0}
    by_group = found.st_mode & stat.S_IWGRP and found.st_gid != os.getegid()
    if is_foreign or by_group or found.st_mode & stat.S_IWOTH:
        raise EmbeddedServerError(
            f"The home {home} is another user's, or others can write to it; "
            f"close it with: chmod go-w {home}, or set TICKETWALK_HOME to another place."
        )


def make_passable(path: Path) -> None:
    """Let every user pass through `path` and the directories above it. For root only."""
    for directory in (path, *path.parents):
        mode = directory.stat().st_mode
        if not mode & stat.S_IXOTH:
            directory.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _make_own(directory: Path, mode: int) -> None:
    """Make it, or accept one that is ours. Anybody can put a directory or a link into /tmp before us."""
    try:
        directory.mkdir(mode=mode)
    except FileExistsError:
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise EmbeddedServerError(
                f"{directory} is not a directory of this user; "
                "remove it, or set TICKETWALK_HOME to another place."
            ) from None
    directory.chmod(mode)  # the umask has cut mkdir's mode
