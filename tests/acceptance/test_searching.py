"""The search itself: a leak in each kind of place is found, and shown without the secret."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import requests
from redis import Redis

from integrations.connectwise.simulator.callbacks import KEY_PATH
from integrations.simulators import stand_in_class
from tests.acceptance.canaries import SECRET_MARK, WORDS
from tests.acceptance.looking import dump
from tests.acceptance.planting import planted, secrets_of
from tests.acceptance.psas import HABITS
from tests.acceptance.searching import Search, heard
from tests.acceptance.tools import wait_for
from worker.demo.service import free_port
from worker.runtime.home import Home

LEAK = f"{SECRET_MARK}-that-leaked"
CRASH = "import faulthandler, os; faulthandler.enable(); print('key', {leak!r}, flush=True); os.abort()"


@pytest.fixture
def search() -> Search:
    """One of this test's own: what it finds fails nothing."""
    return Search()


@pytest.fixture
def hears(search: Search, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stands between the programs of this test and the search of the suite."""
    with heard(monkeypatch, search):
        yield


def assert_found(search: Search, place: str, *, kind: str = SECRET_MARK) -> None:
    """The search fails, names the place, and repeats nothing that leaked."""
    with pytest.raises(pytest.fail.Exception) as failure:
        search.assert_nothing_found()
    assert f"{place}: {kind}" in str(failure.value)
    assert LEAK not in str(failure.value)


@pytest.mark.parametrize(
    "spelled",
    [
        pytest.param(LEAK, id="plain"),
        pytest.param(LEAK[:15], id="cut short"),
        pytest.param(quote(f"a b/{LEAK}", safe=""), id="in a URL"),
        pytest.param(json.dumps({"a": f'"{LEAK}"\n'}), id="in JSON"),
        pytest.param(LEAK.encode().hex(), id="hexadecimal"),
        pytest.param(LEAK.encode().hex().upper(), id="hexadecimal in capitals"),
        *(
            pytest.param(base64.b64encode(b"x" * n + LEAK.encode()).decode(), id=f"base64 {n}")
            for n in range(3)
        ),
        pytest.param(
            base64.b64encode(b"[" + base64.b64encode(b"a:" + LEAK.encode()) + b"]").decode(),
            id="base64 in a message's base64",
        ),
    ],
)
def test_a_secret_is_found_however_it_is_spelled(search: Search, spelled: str):
    search.look("somewhere", f"before {spelled} after")
    assert_found(search, "somewhere")


def test_a_second_secret_before_a_find_is_not_shown(search: Search):
    search.look("somewhere", f"one {LEAK} two {LEAK}")
    assert_found(search, "somewhere")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("service.log", f"log line {LEAK}".encode()),
        ("log/postgres.log", f"DETAIL: Failing row contains ({LEAK})".encode()),
        ("redis/appendonlydir/appendonly.aof.1.incr.aof", f"SET\r\nkey\r\n{LEAK}".encode()),
        ("postgres/base/5/16384", b"\x00\xff" + LEAK.encode() + b"\x00"),
        ("postgres/pg_wal/000000010000000000000001", b"\x00" * 9_000 + LEAK.encode()),
        ("core", b"\x7fELF" + LEAK.encode()),
    ],
)
def test_a_secret_in_any_file_of_a_home_is_found(search: Search, tmp_path: Path, file: str, content: bytes):
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_bytes(content)
    search.look_into(tmp_path)
    assert_found(search, f"file {file}")


def test_words_of_people_are_found_in_logs_and_may_stand_in_the_store(search: Search, tmp_path: Path):
    (tmp_path / "heap").write_text(WORDS)
    search.look_into(tmp_path)
    search.assert_nothing_found()
    (tmp_path / "programs.log").write_text(f"note saved: {WORDS}")
    search.look_into(tmp_path)
    assert_found(search, "file programs.log", kind="canary-words")


def test_the_homes_key_may_stand_in_its_file_alone(search: Search, tmp_path: Path):
    (tmp_path / "secret.key").write_text(LEAK)
    search.look_into(tmp_path)
    search.assert_nothing_found()
    (tmp_path / "secret.key.bak").write_text(LEAK)
    search.look_into(tmp_path)
    assert_found(search, "file secret.key.bak")


def test_a_secret_that_a_program_prints_is_found(search: Search, hears: None):
    subprocess.run([sys.executable, "-c", f"print({LEAK!r})"], capture_output=True, check=True)
    assert_found(search, "output of a script")


def test_a_secret_that_a_crash_dumps_is_found(search: Search, hears: None):
    done = subprocess.run(
        [sys.executable, "-c", CRASH.format(leak=LEAK)], capture_output=True, text=True, check=False
    )
    assert "Fatal Python error: Aborted" in done.stderr
    assert_found(search, "output of a script")


def test_a_secret_that_a_server_answers_is_found(search: Search, hears: None, tmp_path: Path):
    (tmp_path / "leak").write_text(LEAK)
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    with subprocess.Popen([*command, str(port)], stderr=subprocess.DEVNULL) as server:
        try:
            assert wait_for("an answer", lambda: _get(f"http://127.0.0.1:{port}/leak")) == LEAK
        finally:
            server.terminate()
    assert_found(search, "answer 200 of /leak")


def _get(url: str) -> str | None:
    try:
        return requests.get(url, timeout=10).text
    except requests.ConnectionError:
        return None


def test_the_key_that_a_simulated_psa_answers_is_no_leak(search: Search, hears: None):
    with planted(stand_in_class("connectwise"), "connectwise") as psa:
        url = f"{psa.base_url}{KEY_PATH}?companyName=acme&id=1"
        assert SECRET_MARK in requests.get(url, timeout=10).text
    search.assert_nothing_found()


def test_a_secret_in_a_table_is_found(search: Search, home: Home):
    url = home.database_url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE TABLE leaky (kept text)")
        try:
            # longer than what PostgreSQL keeps as it is: its files alone would not show it
            owner.execute("INSERT INTO leaky VALUES (%s)", (LEAK + "a" * 100_000,))
            search.look("database", dump(url))
        finally:
            owner.execute("DROP TABLE leaky")
    assert_found(search, "database")


def test_a_secret_that_redis_was_told_is_in_its_file(search: Search, home: Home):
    with Redis(unix_socket_path=str(home.redis_socket)) as redis:
        redis.set("leaky", LEAK)
        redis.delete("leaky")
        file = next(home.redis_data.rglob("*.aof"))
        search.look("file of redis", file.read_bytes())
    assert_found(search, "file of redis")


def test_a_home_that_nobody_searched_is_told(search: Search, hears: None, tmp_path: Path):
    subprocess.run([sys.executable, "-c", ""], env={"TICKETWALK_HOME": str(tmp_path)}, check=True)
    with pytest.raises(pytest.fail.Exception, match="nobody searched"):
        search.assert_nothing_found()


@pytest.mark.parametrize("name", HABITS)
def test_every_simulated_psa_has_planted_secrets(name: str):
    with planted(stand_in_class(name), name) as psa:
        assert secrets_of(psa)
