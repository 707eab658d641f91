"""Embedded PostgreSQL and Redis, with real processes that use them, leave them and kill them."""

import os
import pwd
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from kombu.connection import Connection

from worker.runtime import postgres as embedded_postgres
from worker.runtime import redis as embedded_redis
from worker.runtime.embedded import EmbeddedServerError, hold, release
from worker.runtime.home import Home

pytestmark = pytest.mark.integration

#: Seconds until a process must have ended, on the slowest machine.
PATIENCE_SECONDS = 60

#: Holds a home, says so, and lets go of it when its input ends.
USER = """
import sys
from pathlib import Path
from worker.runtime.embedded import hold
from worker.runtime.home import Home
hold(Home(Path(sys.argv[1])), postgres=True, redis=True)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    # not tmp_path: every pytest of this user closes its parent to others, and so to PostgreSQL's own user
    with tempfile.TemporaryDirectory(prefix="ticketwalk-test-") as path:
        yield Path(path)


@pytest.fixture
def home(directory: Path) -> Iterator[Home]:
    yield Home(directory / "home")
    release()


def both(home: Home) -> None:
    hold(home, postgres=True, redis=True)


def are_alive(home: Home) -> list[bool]:
    servers = (embedded_postgres._server(home), embedded_redis._server(home))
    return [server.is_alive() for server in servers]


def query(home: Home, sql: str) -> list[tuple[object, ...]]:
    url = home.database_url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


@contextmanager
def client(home: Home) -> Iterator["redis.Redis"]:
    with redis.Redis(unix_socket_path=str(home.redis_socket), decode_responses=True) as connection:
        yield connection


@contextmanager
def user_of(home: Home, **options: Any) -> Iterator["subprocess.Popen[str]"]:
    """Start another process that uses the home; it has it when this returns."""
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(home.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        **options,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.stdin.close()
            process.wait(PATIENCE_SECONDS)


def can_run_python(user: pwd.struct_passwd) -> bool:
    try:
        done = subprocess.run([sys.executable, "-c", ""], check=False, user=user.pw_uid, extra_groups=[])
    except PermissionError:
        return False
    return done.returncode == 0


def kill_servers(home: Home) -> None:
    """End both servers with all their processes, as a power cut would."""
    with client(home) as connection:
        os.kill(int(connection.info("server")["process_id"]), signal.SIGKILL)
    postmaster = int((home.postgres_data / "postmaster.pid").read_text().split()[0])
    os.killpg(postmaster, signal.SIGKILL)


def test_the_urls_of_a_held_home_lead_to_its_servers(home):
    both(home)

    assert query(home, "SELECT current_database()") == [("ticketwalk",)]
    with Connection(home.redis_url) as connection:
        assert connection.ensure_connection(max_retries=1, timeout=5)


def test_nothing_listens_on_tcp_and_only_the_owner_may_connect(home):
    both(home)

    assert query(home, "SHOW listen_addresses") == [("",)]
    with client(home) as connection:
        assert connection.config_get("port") == {"port": "0"}
    assert (home.postgres_sockets / ".s.PGSQL.5432").stat().st_mode & 0o777 == 0o700
    assert home.redis_socket.stat().st_mode & 0o777 == 0o700


def test_data_is_there_at_the_next_start(home):
    both(home)
    query(home, "CREATE TABLE kept AS SELECT 1 AS n")
    with client(home) as connection:
        connection.set("kept", "1")
    release()
    assert are_alive(home) == [False, False]

    both(home)

    assert query(home, "SELECT n FROM kept") == [(1,)]
    with client(home) as connection:
        assert connection.get("kept") == "1"


def test_servers_live_until_the_last_process_lets_go(home):
    with user_of(home):
        with user_of(home):
            assert are_alive(home) == [True, True]
        assert query(home, "SELECT 1") == [(1,)]

    assert are_alive(home) == [False, False]


def test_a_killed_process_does_not_keep_the_servers_from_stopping(home):
    with user_of(home):
        with user_of(home) as killed:
            killed.kill()
        assert are_alive(home) == [True, True]

    assert are_alive(home) == [False, False]


def test_servers_whose_only_user_was_killed_are_found_by_the_next_one(home):
    with user_of(home) as killed:
        killed.kill()
    assert are_alive(home) == [True, True]
    with client(home) as connection:
        before = connection.info("server")["process_id"]

    both(home)

    with client(home) as connection:
        assert connection.info("server")["process_id"] == before


def test_processes_that_come_at_once_share_one_start(home):
    code = USER.replace("hold(Home", "sys.stdin.readline(); hold(Home")
    command = [sys.executable, "-c", code, str(home.path)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    users = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environ
        )
        for _ in range(4)
    ]

    said = [user.communicate(b"go\n", timeout=PATIENCE_SECONDS)[0] for user in users]

    assert said == [b"held\n"] * 4
    assert are_alive(home) == [False, False]


def test_a_forked_child_does_not_end_its_parents_hold(home):
    both(home)

    child = os.fork()
    if child == 0:
        release()
        os._exit(0)
    os.waitpid(child, 0)

    assert query(home, "SELECT 1") == [(1,)]
    assert are_alive(home) == [True, True]


def test_acknowledged_data_survives_killed_servers(home):
    both(home)
    query(home, "CREATE TABLE kept AS SELECT 1 AS n")
    with client(home) as connection:
        connection.set("kept", "1")
    kill_servers(home)

    both(home)

    assert query(home, "SELECT n FROM kept") == [(1,)]
    with client(home) as connection:
        assert connection.get("kept") == "1"


def test_a_pid_file_that_names_a_stranger_after_a_reboot_is_survived(home):
    both(home)
    pid_file = home.postgres_data / "postmaster.pid"
    stale = pid_file.read_text().splitlines()
    kill_servers(home)
    pid_file.write_text("\n".join([str(os.getpid()), *stale[1:]]))

    both(home)

    assert query(home, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("name", ["with space", 'it\'s "$HOME" `x`', "ünï", "long" * 50])
def test_any_path_can_be_a_home(directory, name):
    home = Home(directory / name)

    with user_of(home):
        assert query(home, "SELECT 1") == [(1,)]
        with client(home) as connection:
            assert connection.ping()

    assert are_alive(home) == [False, False]
    assert not home.socket_directory.exists()


def test_homes_live_side_by_side(directory):
    one, other = Home(directory / "one"), Home(directory / "other")
    with user_of(one), user_of(other):
        query(one, "CREATE TABLE mine AS SELECT 1 AS n")

        assert query(other, "SELECT to_regclass('mine')") == [(None,)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_has_servers_beside_those_of_root(directory, home):
    nobody = pwd.getpwnam("nobody")
    if not can_run_python(nobody):
        pytest.skip("this Python is closed to other users")
    both(home)
    (directory / "theirs").mkdir()
    os.chown(directory / "theirs", nobody.pw_uid, nobody.pw_gid)
    other = Home(directory / "theirs" / "home")

    with user_of(other, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], cwd="/"):
        assert other.path.stat().st_uid == nobody.pw_uid
        assert are_alive(other) == are_alive(home) == [True, True]


def test_a_home_that_cannot_be_made_is_refused_in_one_sentence():
    with pytest.raises(EmbeddedServerError, match=r"^The home /proc/ticketwalk cannot be used: [^\n]+$"):
        hold(Home(Path("/proc/ticketwalk")), postgres=True, redis=True)


def test_settings_of_the_owner_are_in_force(home):
    home.path.mkdir()
    (home.path / "postgresql.custom.conf").write_text("work_mem = '7MB'\n")
    both(home)

    assert query(home, "SHOW work_mem") == [("7MB",)]


def test_postgres_that_refuses_its_configuration_is_quoted_with_its_log(home):
    home.path.mkdir()
    (home.path / "postgresql.custom.conf").write_text("nonsense = 1\n")

    with pytest.raises(
        EmbeddedServerError, match=r"PostgreSQL did not start: .*errors; its log is .*postgres\.log"
    ):
        hold(home, postgres=True, redis=False)


def test_redis_that_cannot_read_its_data_is_quoted_with_its_log(home):
    hold(home, postgres=False, redis=True)
    release()
    (home.redis_data / "appendonly.aof").write_text("this is not an append-only file\n")

    with pytest.raises(EmbeddedServerError, match=r"Redis did not start: .*Bad file format.*redis\.log"):
        hold(home, postgres=False, redis=True)


def test_the_keeper_restarts_a_server_that_died_and_stops_all_when_asked(home):
    keeper = subprocess.Popen(
        [sys.executable, "-m", "worker.runtime.keeper", home.path, "redis"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
    )
    try:
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == b"embedded servers answer: redis\n"
        first = redis_pid(home)
        os.kill(first, signal.SIGKILL)

        assert redis_pid(home, other_than=first) != first
    finally:
        keeper.terminate()

    assert keeper.communicate(timeout=PATIENCE_SECONDS)
    assert keeper.returncode == 0
    assert are_alive(home) == [False, False]


def redis_pid(home: Home, *, other_than: int = 0) -> int:
    """Wait for a Redis that answers, and return its process id."""
    waiting = subprocess.run(
        [sys.executable, "-c", AWAIT_REDIS, str(home.redis_socket), str(other_than)],
        check=True,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
    )
    return int(waiting.stdout)


#: Asks until an answer comes from another process than the one given.
AWAIT_REDIS = """
import redis, sys, threading
client = redis.Redis(unix_socket_path=sys.argv[1])
while True:
    try:
        pid = client.info("server")["process_id"]
        if pid != int(sys.argv[2]):
            print(pid)
            break
    except redis.RedisError:
        threading.Event().wait(0.05)
"""
