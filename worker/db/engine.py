"""The engine: one per process, and always a role of the service's own inside a transaction."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, Engine, create_engine, event

#: Works in one account at a time. Owns nothing and bypasses nothing. Made by revision 0001.
APPLICATION_ROLE = "ticketwalk_app"
#: Finds out whose a row is and what is due, in all accounts; reads no content. Made by revision 0002.
ROUTER_ROLE = "ticketwalk_router"
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


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom a transaction runs. Without an account the application's role sees and writes nothing."""

    role: str = APPLICATION_ROLE
    account_id: UUID | None = None


#: Execution option of a connection that says as whom its next transactions run.
IDENTITY_OPTION = "ticketwalk_identity"
_NOBODY = Identity()


def make_engine(url: str, *, pool_size: int = 5) -> Engine:
    """Return an engine whose every transaction runs as a role of the service's own.

    Role, account and time-outs are set per transaction, not per connection, so that they also hold behind
    PgBouncer, and in one statement, so that they cost one round trip.
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
    event.listen(engine, "begin", _enter)
    return engine


def make_owner_engine(url: str) -> Engine:
    """Return an engine with the rights of the URL's own user, for migrations only."""
    return create_engine(url, hide_parameters=True, connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS})


def enter_account(connection: Connection, account_id: UUID) -> None:
    """Have the rest of the transaction see and write this account's rows only."""
    connection.exec_driver_sql(_ENTER_ACCOUNT, {"account": str(account_id)})


def _enter(connection: Connection) -> None:
    identity: Identity = connection.get_execution_options().get(IDENTITY_OPTION, _NOBODY)
    connection.exec_driver_sql(
        _ENTER, {"role": identity.role, "account": str(identity.account_id or ""), **_TIMEOUTS}
    )


_ENTER_ACCOUNT = "SELECT set_config('ticketwalk.account_id', %(account)s, true)"
_ENTER = (
    "SELECT set_config('role', %(role)s, true), set_config('ticketwalk.account_id', %(account)s, true), "
    "set_config('statement_timeout', %(statement)s, true), set_config('lock_timeout', %(lock)s, true)"
)
_TIMEOUTS = {"statement": str(STATEMENT_TIMEOUT_MS), "lock": str(LOCK_TIMEOUT_MS)}
