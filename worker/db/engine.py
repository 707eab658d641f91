"""The engine: one per process, and always the application's role inside a transaction."""

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text

#: Owns nothing and bypasses nothing. Made by the first migration.
APPLICATION_ROLE = "ticketwalk_app"
#: Bounds every statement, since nothing else stops a task in a threads pool. Milliseconds.
STATEMENT_TIMEOUT_MS = 30_000
#: How long a turn waits for a ticket that another worker holds, before it leaves it to that worker.
LOCK_TIMEOUT_MS = 10_000
#: How long to wait for Postgres to accept a connection, in seconds; the receiver answers within this.
CONNECT_TIMEOUT_SECONDS = 2


#: A server that vanished without a word (failover, a dropped network) is noticed within about ten seconds.
#: The kernel's own answer is a quarter of an hour with unanswered data, two hours without; a worker or the
#: receiver would hang for as long. Seconds, and milliseconds for the last. Ignored on a unix socket.
_NOTICE_DEATH = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def make_engine(url: str, *, pool_size: int = 5) -> Engine:
    """Return an engine whose every transaction runs as the application's role.

    The role is set per transaction, not per connection, so that it also holds behind PgBouncer.
    """
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=CONNECT_TIMEOUT_SECONDS,
        # a connection that died with a Postgres restart is replaced before it is used
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "application_name": "ticketwalk",
            **_NOTICE_DEATH,
            # prepared statements do not survive PgBouncer's transaction mode
            "prepare_threshold": None,
        },
    )
    event.listen(engine, "begin", _enter_role)
    return engine


def make_owner_engine(url: str) -> Engine:
    """Return an engine with the rights of the URL's own user, for migrations only."""
    return create_engine(url, hide_parameters=True, connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS})


def _enter_role(connection: Connection) -> None:
    connection.execute(_ENTER_ROLE, _ENTER_ROLE_VALUES)


_ENTER_ROLE = text(
    "SELECT set_config('role', :role, true), "
    "set_config('statement_timeout', :statement, true), set_config('lock_timeout', :lock, true)"
)
_ENTER_ROLE_VALUES: dict[str, Any] = {
    "role": APPLICATION_ROLE,
    "statement": str(STATEMENT_TIMEOUT_MS),
    "lock": str(LOCK_TIMEOUT_MS),
}
