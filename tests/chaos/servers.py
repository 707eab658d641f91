"""PostgreSQL and Redis of the world, held by the driver: broken and brought back on demand."""

import os
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import redis
from psycopg import IsolationLevel

from worker.runtime.embedded import hold
from worker.runtime.home import Home
from worker.runtime.postgres_program import program_for

#: Seconds for one look at a table by the driver itself.
STATEMENT_SECONDS = 60


class Servers:
    """Both servers. Every method returns once the servers answer again."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._connection: psycopg.Connection | None = None

    def start(self) -> None:
        """Have both answer; also after one was killed."""
        hold(self._home, postgres=True, redis=True)

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return what a plain query finds, past the proxies. Raises psycopg.Error."""
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
            try:
                cursor = self._connection.execute(query.encode(), values)
                return cursor.fetchall()
            except psycopg.Error:
                self._connection.close()
                self._connection = None
                raise

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """Have all that `rows` finds meanwhile be of one moment, though the service may go on."""
        self.rows("SELECT 1")
        assert self._connection is not None  # it has just answered
        self._connection.isolation_level = IsolationLevel.REPEATABLE_READ
        with self._connection.transaction():
            yield

    def stop_postgres(self, mode: str, *, down_seconds: float) -> None:
        """Stop as `pg_ctl -m MODE` does, stay down, start again."""
        data = self._home.postgres_data
        program_for(data).run("pg_ctl", "-D", ".", "-m", mode, "-t", "30", "stop", cwd=data)
        _stay(down_seconds)
        self.start()

    def terminate_backends(self) -> None:
        """End every session of the service in the middle of what it does."""
        self.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )

    def kill_redis(self, *, down_seconds: float, lose_data: bool = False) -> None:
        """Kill -9, stay down, start again; with what it had on disk, or with nothing."""
        os.kill(self._redis_pid(), signal.SIGKILL)
        _stay(down_seconds)
        if lose_data:
            shutil.rmtree(self._home.redis_data)
        self.start()

    def freeze_redis(self, seconds: float) -> None:
        """Stop it without closing anything: connections stand, nobody answers."""
        pid = self._redis_pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            _stay(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)

    def flush_redis(self) -> None:
        """Forget every key while everybody is connected."""
        with redis.Redis(unix_socket_path=str(self._home.redis_socket), socket_timeout=10) as client:
            client.flushall()

    def _redis_pid(self) -> int:
        return int((self._home.run / "redis.pid").read_text())

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self._home.postgres_sockets),
            port=5432,
            user="postgres",
            dbname="ticketwalk",
            connect_timeout=5,
            autocommit=True,
            options=f"-c statement_timeout={STATEMENT_SECONDS * 1000}",
            application_name="chaos",
        )


def open_work(servers: Servers) -> dict[str, int]:
    """Return how many rows of each kind are not settled."""
    names: Sequence[str] = ("delivery", "command", "outbox", "draft")
    [counts] = servers.rows("""
        SELECT (SELECT count(*) FROM delivery WHERE state = 'pending'),
               (SELECT count(*) FROM command WHERE state = 'pending'),
               (SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending', 'unknown')),
               (SELECT count(*) FROM note_draft WHERE due_at IS NOT NULL)
    """)
    return dict(zip(names, counts, strict=True))


def _stay(seconds: float) -> None:
    """Let the fault last: its duration is part of it, and nothing could be awaited instead."""
    threading.Event().wait(seconds)
