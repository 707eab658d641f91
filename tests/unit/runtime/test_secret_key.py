"""The home's secret key is its owner's alone, or nothing starts."""

import os
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from worker.runtime.errors import EmbeddedServerError
from worker.runtime.home import Home
from worker.runtime.secret_key import secret_keys


def test_the_secret_key_is_made_once_for_the_owner_only(tmp_path):
    home = Home(tmp_path / "home")

    keys = secret_keys(home)

    assert secret_keys(home) == keys
    assert Fernet(keys[0])
    assert home.secret_key_file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in home.path.iterdir() if path.is_file()) == ["secret.key"]


def test_a_new_key_is_put_on_a_line_of_its_own_before_the_old_one(tmp_path):
    home = Home(tmp_path)
    (old,) = secret_keys(home)
    new = Fernet.generate_key().decode()
    home.secret_key_file.write_text(f"{new}\n{old}\n")

    assert secret_keys(home) == (new, old)


@pytest.mark.parametrize("content", ["half a k", "", "\n"])
def test_a_damaged_secret_key_is_named_and_kept(tmp_path, content):
    home = Home(tmp_path)
    _write_key(home, content)

    with pytest.raises(EmbeddedServerError, match=r"secret\.key does not hold a Fernet key"):
        secret_keys(home)
    assert home.secret_key_file.read_text() == content


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_key_that_others_may_read_is_refused_in_one_sentence(tmp_path, mode):
    home = Home(tmp_path)
    secret_keys(home)
    home.secret_key_file.chmod(mode)

    with pytest.raises(EmbeddedServerError, match=r"is open to other users; close it with: chmod 600 \S+$"):
        secret_keys(home)


def test_a_key_of_another_user_is_refused(tmp_path, monkeypatch):
    home = Home(tmp_path)
    secret_keys(home)
    real = os.fstat
    monkeypatch.setattr(os, "fstat", lambda file: _owned_by(424242, real(file)))

    with pytest.raises(EmbeddedServerError, match=r"secret\.key belongs to another user"):
        secret_keys(home)


def test_a_key_behind_a_link_is_refused_and_not_read(tmp_path):
    home = Home(tmp_path)
    target = tmp_path / "elsewhere"
    target.write_bytes(Fernet.generate_key())
    target.chmod(0o600)
    home.secret_key_file.symlink_to(target)

    with pytest.raises(EmbeddedServerError, match=r"secret\.key is a link"):
        secret_keys(home)


def test_a_link_that_leads_nowhere_makes_no_key_there(tmp_path):
    home = Home(tmp_path)
    home.secret_key_file.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(EmbeddedServerError, match=r"secret\.key is a link"):
        secret_keys(home)
    assert not (tmp_path / "elsewhere").exists()


def test_something_else_than_a_file_is_not_waited_for(tmp_path):
    home = Home(tmp_path)
    os.mkfifo(home.secret_key_file, 0o600)

    with pytest.raises(EmbeddedServerError, match=r"secret\.key is not a file"):
        secret_keys(home)


def test_a_home_below_a_file_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(
        EmbeddedServerError, match=r"^The home .*file/home cannot be used: .*Not a directory\."
    ):
        secret_keys(Home(tmp_path / "file" / "home"))


@pytest.mark.parametrize("mode", [0o707, 0o777])
def test_a_home_that_others_can_write_to_holds_no_key(tmp_path, mode):
    home = Home(tmp_path / "home")
    home.path.mkdir()
    home.path.chmod(mode)

    with pytest.raises(EmbeddedServerError, match="others can write to it; close it with: chmod go-w"):
        secret_keys(home)
    assert not home.secret_key_file.exists()


def _owned_by(user: int, found: os.stat_result) -> os.stat_result:
    fields = list(found)
    fields[4] = user  # st_uid
    return os.stat_result(fields)


def _write_key(home: Home, content: str) -> None:
    Path(home.secret_key_file).write_text(content)
    home.secret_key_file.chmod(0o600)
