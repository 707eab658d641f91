"""Put the service together: settings, engine, secrets, providers and the way hints go."""

from integrations.registry import PROVIDERS
from worker.db.engine import make_engine
from worker.db.unit_of_work import Publisher, UnitOfWork
from worker.pace import SharedPacer
from worker.services.context import Context
from worker.services.vault import Vault
from worker.settings import Settings


def build(settings: Settings, publisher: Publisher, *, pool_size: int = 5) -> Context:
    """Return a context on an engine of its own. Connects to nothing yet."""
    return Context(
        uow=UnitOfWork(make_engine(settings.database, pool_size=pool_size), publisher),
        providers=PROVIDERS,
        vault=Vault(settings.keys()),
        note_quiet_period=settings.note_quiet_period,
        note_max_wait=settings.note_max_wait,
        push_timing=settings.push_timing,
        allow_private_hosts=settings.allow_private_hosts,
        upkeep=settings.upkeep,
        public_url=settings.public_url,
        pacer=SharedPacer(settings.broker),
    )
