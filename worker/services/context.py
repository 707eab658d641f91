"""What every use case may need; built once per process by `worker.composition`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from integrations.ports import Provider
from worker.db.unit_of_work import UnitOfWork
from worker.domain.outbox import PushTiming
from worker.domain.upkeep import Upkeep
from worker.services.notes.together import Together
from worker.services.pacing import LocalPacer, Pacer
from worker.services.vault import Vault


@dataclass(frozen=True, slots=True)
class Context:
    """The store, the providers, the secrets, and the settings that rules depend on."""

    uow: UnitOfWork
    providers: Mapping[str, Provider]
    vault: Vault
    note_quiet_period: timedelta
    note_max_wait: timedelta
    push_timing: PushTiming = field(default_factory=PushTiming)
    allow_private_hosts: bool = False
    #: How long a call by hand waits for its command's turn: longer than a dead worker's claim lasts.
    call_patience: timedelta = timedelta(seconds=5)
    upkeep: Upkeep = field(default_factory=Upkeep)
    #: Where the receiver is reached from outside: what a PSA is told to call.
    public_url: str = "http://127.0.0.1:8700"
    pacer: Pacer = field(default_factory=LocalPacer)
    together: Together = field(default_factory=Together)
