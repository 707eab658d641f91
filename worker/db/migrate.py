"""Bring the schema up to date, once, however many processes start together."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from worker.db.engine import APPLICATION_ROLE, ROUTER_ROLE, make_owner_engine
from worker.errors import ConfigurationError, StoreUnavailableError

#: Any constant of our own: all migrating processes of one database queue up behind it.
_ADVISORY_LOCK = 7_449_021


def alembic_config() -> Config:
    """Return Alembic's configuration; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def migrate(database_url: str) -> str:
    """Run all missing revisions under an advisory lock. Return the revision now in force."""
    engine = make_owner_engine(database_url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
            connection.commit()
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
            return _revision_of(connection) or ""
    except OperationalError as error:
        raise StoreUnavailableError(
            "PostgreSQL does not answer; is TICKETWALK_DATABASE_URL right?"
        ) from error
    except DBAPIError as error:
        raise ConfigurationError(
            f"PostgreSQL refuses the migration ({_first_line(error)}); its user must own the schema and "
            f"may create roles, or a superuser runs once: CREATE ROLE {APPLICATION_ROLE} NOLOGIN; "
            f"CREATE ROLE {ROUTER_ROLE} NOLOGIN; GRANT {APPLICATION_ROLE}, {ROUTER_ROLE} TO <user>"
        ) from error
    finally:
        engine.dispose()


def revision(database_url: str) -> tuple[str | None, str]:
    """Return the revision in force and the newest one known."""
    engine = make_owner_engine(database_url)
    try:
        with engine.connect() as connection:
            return _revision_of(connection), _newest()
    except OperationalError as error:
        raise StoreUnavailableError("PostgreSQL does not answer") from error
    finally:
        engine.dispose()


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).partition("\n")[0]


def _newest() -> str:
    return ScriptDirectory.from_config(alembic_config()).get_current_head() or ""


def _revision_of(connection: object) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()  # type: ignore[arg-type] # a Connection
