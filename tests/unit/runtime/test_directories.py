"""A home's directories belong to its user, and nobody else gets in."""

import os
import stat
from pathlib import Path

import pytest

from worker.runtime import directories
from worker.runtime.errors import EmbeddedServerError
from worker.runtime.home import Home


def test_a_short_socket_directory_that_is_a_link_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("worker.runtime.home.SHORT_DIRECTORY", tmp_path)
    home = Home(tmp_path / "with space")
    (tmp_path / "elsewhere").mkdir()
    home.socket_directory.symlink_to("elsewhere")

    with pytest.raises(EmbeddedServerError, match="is not a directory of this user"):
        directories.prepare(home)


def test_a_directory_of_another_user_is_refused(tmp_path, monkeypatch):
    home = Home(tmp_path / "home")
    directories.prepare(home)
    monkeypatch.setattr(os, "geteuid", lambda: 424242)

    with pytest.raises(EmbeddedServerError, match="is not a directory of this user"):
        directories.prepare(home)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_nobody_else_can_list_the_home_or_read_redis_data(tmp_path, umask):
    home = Home(tmp_path / "home")
    before = os.umask(umask)
    try:
        directories.prepare(home)
    finally:
        os.umask(before)

    assert _others(home.path) & (stat.S_IROTH | stat.S_IWOTH) == 0
    assert _others(home.run) & (stat.S_IROTH | stat.S_IWOTH) == 0
    assert _others(home.redis_data) == 0


def test_passing_through_is_all_that_others_gain(tmp_path):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)

    directories.make_passable(private / "..")
    directories.make_passable(private)

    assert private.stat().st_mode & 0o777 == 0o701


def _others(path: Path) -> int:
    return path.stat().st_mode & stat.S_IRWXO
