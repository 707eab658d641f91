"""Examine the service: one line per thing that must be right."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from uuid import uuid4

from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from worker.db.migrate import revision
from worker.db.models import TENANT_TABLES, ConnectionRow
from worker.errors import TicketwalkError
from worker.services import routing
from worker.services.context import Context
from worker.services.health import every_health
from worker.settings import Settings

#: One tested set: docs/adr/0003. redis-py outside kombu's range makes workers deaf without an error.
TESTED = {"celery": "5.6.", "kombu": "5.7."}


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the examination."""

    name: str
    ok: bool
    detail: str


def examine(settings: Settings, context: Context, *, ping_broker: Callable[[], None]) -> Sequence[Check]:
    """Examine everything; each check says itself what is wrong."""
    return [
        _settings(settings),
        _attempt("secret keys", lambda: f"{len(settings.keys())} (the first one encrypts)"),
        _attempt("postgres", lambda: _postgres(context)),
        _attempt("schema", lambda: _schema(settings)),
        _attempt("tenants", lambda: _tenants(context)),
        _attempt("redis", lambda: _broker(ping_broker)),
        _attempt("connections", lambda: _connections(context)),
        _attempt("psa", lambda: _psas(context)),
        _versions(),
        _private_hosts(settings),
    ]


def _attempt(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, ok=True, detail=look())
    except TicketwalkError as error:
        return Check(name, ok=False, detail=str(error))
    except DBAPIError as error:
        return Check(name, ok=False, detail=str(error.orig).partition("\n")[0])


def _settings(settings: Settings) -> Check:
    database = "embedded" if settings.embedded_postgres else "TICKETWALK_DATABASE_URL"
    broker = "embedded" if settings.embedded_redis else "TICKETWALK_REDIS_URL"
    notes = (
        f"notes after {settings.note_quiet_period_seconds:g} s of quiet, "
        f"{settings.note_max_wait_seconds:g} s at most; sweep every {settings.sweep_interval_seconds:g} s"
    )
    pushes = (
        f"a lost answer is looked for after {settings.probe_after_seconds:g} s, "
        f"a dead worker's push after {settings.sending_lease_seconds:g} s"
    )
    detail = f"home {settings.home}; postgres {database}; redis {broker}; {notes}; {pushes}"
    return Check("settings", ok=True, detail=detail)


def _postgres(context: Context) -> str:
    query = text("SELECT current_setting('server_version'), current_user")
    with context.uow.begin(uuid4()) as tx:
        server, role = tx.session.execute(query).one()
    with context.uow.across() as across:
        _, router = across.session.execute(query).one()
    return f"PostgreSQL {server}, as roles {role} and {router}"


def _schema(settings: Settings) -> str:
    in_force, newest = revision(settings.database)
    if in_force != newest:
        raise TicketwalkError(f"revision {in_force or 'none'} is in force, not {newest}: ticketwalk migrate")
    return f"revision {in_force}"


def _tenants(context: Context) -> str:
    """A table that somebody opened, or restored without its policies, would show every account's rows."""
    walled = text(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' "
        "AND relrowsecurity AND relforcerowsecurity"
    )
    with context.uow.across() as across:
        standing = set(across.session.scalars(walled))
    open_tables = sorted(TENANT_TABLES - standing)
    if open_tables:
        raise TicketwalkError(f"row-level security is not in force on {', '.join(open_tables)}")
    return f"row-level security is in force on {len(TENANT_TABLES)} tables"


def _broker(ping_broker: Callable[[], None]) -> str:
    try:
        ping_broker()
    except TicketwalkError:
        raise
    except Exception as error:
        raise TicketwalkError(f"does not answer ({type(error).__name__})") from error
    return "answers"


def _connections(context: Context) -> str:
    counts: Counter[str] = Counter()
    for tx in routing.each_account(context):
        for provider, secrets in tx.session.execute(select(ConnectionRow.provider, ConnectionRow.secrets)):
            context.vault.open(secrets)
            counts[provider] += 1
    listed = ", ".join(f"{count} {provider}" for provider, count in sorted(counts.items()))
    return f"{listed or 'none yet'}; every secret opens"


def _psas(context: Context) -> str:
    """Whether PSAs are called, and call; nobody is asked for it now."""
    found = every_health(context)
    wrong = [f"{one.connection.name}: {problem}" for one in found for problem in one.problems]
    if wrong:
        raise TicketwalkError("; ".join(wrong))
    missed = sum(one.state.missed for one in found)
    return f"none is paused or silent; {missed} webhooks missed in all"


def _versions() -> Check:
    installed = {name: version(name) for name in (*TESTED, "redis")}
    wrong = [name for name, prefix in TESTED.items() if not installed[name].startswith(prefix)]
    shown = ", ".join(f"{name} {number}" for name, number in installed.items())
    return Check("versions", ok=not wrong, detail=shown if not wrong else f"{shown}: not the tested set")


def _private_hosts(settings: Settings) -> Check:
    if settings.allow_private_hosts:
        return Check("private hosts", ok=True, detail="ALLOWED: for development only")
    return Check("private hosts", ok=True, detail="refused")
