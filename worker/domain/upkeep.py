"""How often connections are looked after, and how long what is settled is kept."""

from dataclasses import dataclass
from datetime import datetime, timedelta

#: Without a webhook for this long, though tickets changed, a connection counts as silent. Three times as long
#: as the PSAs take over their retries; a change that a reconcile sees before its webhook comes is no silence.
SILENT_AFTER = timedelta(minutes=15)
#: An unsigned message may ask for a look at a registration this often; anybody can send one.
HEEDED_EVERY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The settings of it all; `.env.example` says why each is what it is."""

    reconcile_every: timedelta = timedelta(minutes=5)
    check_every: timedelta = timedelta(hours=1)
    keep_deliveries: timedelta = timedelta(days=30)
    keep_commands: timedelta = timedelta(days=90)
    keep_pushes: timedelta = timedelta(days=30)


def silent_for(*, last_delivery_at: datetime, missed: int, now: datetime) -> timedelta | None:
    """Return how long nothing came although `missed` tickets changed; None where all is well."""
    silence = now - last_delivery_at
    return silence if missed and silence >= SILENT_AFTER else None
