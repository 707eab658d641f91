"""A home's paths follow from its own path alone."""

import os
from pathlib import Path

import pytest

from worker.runtime.home import MAX_SOCKET_PATH_BYTES, Home, default_home


def test_the_urls_of_a_short_home_name_its_sockets():
    home = Home(Path("/srv/ticketwalk"))

    assert home.database_url == (
        "postgresql+psycopg://postgres@/ticketwalk?host=/srv/ticketwalk/run/sockets/postgres&port=5432"
    )
    assert home.redis_url == "redis+socket:///srv/ticketwalk/run/sockets/redis.sock?virtual_host=0"


@pytest.mark.parametrize("name", ["a" * 120, "with space", "ünï", "it's", 'a"b', "a$b", "a,b", "a?b=c"])
def test_sockets_move_out_of_a_home_whose_path_cannot_carry_them(name):
    home = Home(Path("/srv") / name)

    assert home.socket_directory.parent == Path("/tmp")  # noqa: S108 - the expected place
    assert home.socket_directory.name.startswith(f"ticketwalk-{os.geteuid()}-")
    assert len(os.fsencode(home.postgres_sockets / ".s.PGSQL.5432")) <= MAX_SOCKET_PATH_BYTES


def test_two_long_homes_have_two_socket_directories():
    assert Home(Path("/srv") / ("a" * 120)).redis_socket != Home(Path("/srv") / ("b" * 120)).redis_socket


def test_a_home_reached_through_a_link_is_the_same_home(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    assert Home(tmp_path / "link") == Home(tmp_path / "real")


def test_root_keeps_its_state_where_a_service_does(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert default_home() == Path("/var/lib/ticketwalk")


def test_a_user_keeps_its_state_in_its_own_data_directory(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))

    assert default_home().name == "ticketwalk"
    assert default_home().is_relative_to(tmp_path)
