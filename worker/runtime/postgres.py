"""The embedded PostgreSQL: a real server from a wheel, reachable by its owner through a socket only."""

import os
import shutil
import subprocess
from pathlib import Path

import psycopg

from worker.runtime.errors import EmbeddedServerError
from worker.runtime.home import Home
from worker.runtime.postgres_program import PostgresProgram, program_for
from worker.runtime.server import PATIENCE_SECONDS, Server, await_end, come_up

#: Seconds to wait for one connection; a socket of this machine answers at once or never.
CONNECT_TIMEOUT_SECONDS = 5

#: Sorting and upper case come from the server itself, the same on every machine; the system's rules may
#: change under an index.
LOCALE = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")

CONFIGURATION = """\
# Written by ticketwalk at every start. Settings of your own go into postgresql.custom.conf, beside this.
listen_addresses = ''
port = 5432  # part of the socket's name; nothing listens on TCP
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700  # only the owner and root connect, so trust authentication is safe
max_connections = 200  # workers, receivers and people together stay well below
shared_preload_libraries = ''
fsync = on
synchronous_commit = on  # accepted means stored
max_parallel_workers_per_gather = 0  # the queries are small, and containers have little shared memory
timezone = 'UTC'
log_timezone = 'UTC'
log_min_error_statement = panic  # statements and
log_error_verbosity = terse  # details may quote customers' words

"""


def ensure_running(home: Home) -> None:
    """Start the server unless it answers, and make the missing database. Call under the start lock."""
    come_up(_server(home))
    try:
        with _connect(home) as connection:
            if connection.execute("SELECT FROM pg_database WHERE datname = 'ticketwalk'").fetchone() is None:
                connection.execute("CREATE DATABASE ticketwalk")
    except psycopg.Error as error:
        raise EmbeddedServerError(
            f"PostgreSQL runs but fails: {error}; its log is {home.postgres_log}."
        ) from error


def stop(home: Home) -> None:
    """End the server cleanly if it runs. Call under the start lock."""
    server = _server(home)
    if not server.is_alive():
        return
    arguments = ("-D", ".", "-m", "fast", "-t", f"{PATIENCE_SECONDS:.0f}", "stop")
    try:
        program_for(home.postgres_data).run("pg_ctl", *arguments, cwd=home.postgres_data)
    except subprocess.SubprocessError:
        await_end(server)  # its main process was killed, and the others are about to notice


def _server(home: Home) -> Server:
    return Server(
        name="PostgreSQL",
        log=home.postgres_log,
        life_file=home.run / "postgres.life",
        answers=lambda: _answers(home),
        start=lambda life: _start(home, life),
    )


def _answers(home: Home) -> bool:
    try:
        _connect(home).close()
    except psycopg.OperationalError:
        return False
    return True


def _connect(home: Home) -> psycopg.Connection:
    return psycopg.connect(
        host=str(home.postgres_sockets),
        port=5432,
        user="postgres",
        dbname="postgres",
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        autocommit=True,
    )


def _start(home: Home, life: int) -> None:
    """Spawn the server; it is known to be dead."""
    program = program_for(home.postgres_data)
    _ensure_cluster(home, program)
    _remove_traces(home, program)
    _configure(home, program)
    home.postgres_log.touch(mode=0o600)
    program.give(home.postgres_log)
    log = os.path.relpath(home.postgres_log, home.postgres_data)
    options = f"-c config_file={os.path.relpath(_configuration(home), home.postgres_data)}"
    arguments = ("-D", ".", "-l", log, "-o", options, "--no-wait", "start")
    try:
        program.run("pg_ctl", *arguments, cwd=home.postgres_data, pass_fds=(life,))
    except subprocess.SubprocessError as error:
        raise EmbeddedServerError(f"PostgreSQL did not start; its log is {home.postgres_log}.") from error


def _configuration(home: Home) -> Path:
    return home.path / "postgresql.conf"


def _configure(home: Home, program: PostgresProgram) -> None:
    """Write the settings. The owner's are copied, not included: the system user may not read them."""
    own = home.path / "postgresql.custom.conf"
    settings = CONFIGURATION.format(sockets=home.postgres_sockets)
    if own.exists():
        settings += own.read_text(encoding="utf-8")
    configuration = _configuration(home)
    configuration.touch(mode=0o600)
    configuration.write_text(settings, encoding="utf-8")
    program.give(configuration)


def _ensure_cluster(home: Home, program: PostgresProgram) -> None:
    """Make the data beside its place and move it in: a killed initdb leaves no half of a directory."""
    if (home.postgres_data / "PG_VERSION").exists():
        return
    fresh = home.path / "postgres.fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    program.give(fresh)
    arguments = ("-D", fresh.name, "-U", "postgres", "--auth-local=trust", "--auth-host=reject", *LOCALE)
    try:
        program.run("initdb", *arguments, cwd=home.path)
    except subprocess.CalledProcessError as error:
        reason = (
            "; ".join(line for line in error.output.splitlines() if "rror" in line) or "it gave no reason"
        )
        raise EmbeddedServerError(f"PostgreSQL cannot make its data in {home.path}: {reason}.") from error
    fresh.rename(home.postgres_data)


def _remove_traces(home: Home, program: PostgresProgram) -> None:
    """Remove what a killed server left: PostgreSQL does not start while a stranger has the pid in there."""
    (home.postgres_data / "postmaster.pid").unlink(missing_ok=True)
    shutil.rmtree(home.postgres_sockets, ignore_errors=True)
    home.postgres_sockets.mkdir(mode=0o700)
    program.give(home.postgres_sockets)
