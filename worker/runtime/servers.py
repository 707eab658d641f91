"""Have the servers that the settings leave to this home, with the schema up to date."""

from worker.db.migrate import migrate, revision
from worker.runtime import embedded
from worker.settings import Settings


def hold_servers(settings: Settings) -> None:
    """Start what is embedded and not running, and keep it for as long as this process lives.

    The embedded database is always migrated; one of your own only by `ticketwalk migrate` or `ticketwalk up`.
    """
    embedded.hold(
        settings.home_of_servers, postgres=settings.embedded_postgres, redis=settings.embedded_redis
    )
    if settings.embedded_postgres:
        in_force, newest = revision(settings.database)
        if in_force != newest:
            migrate(settings.database)
