"""Signing secrets: Zendesk makes one for each webhook, and its API shows it. Kept for a while."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from integrations.errors import KeyUnavailableError
from integrations.ports import Link
from integrations.zendesk.fetching import PAUSE_SECONDS, SecretsUnavailableError, fetch_secrets

#: How long secrets are believed without asking again, in seconds. One that was reset is noticed by its use.
LIFETIME_SECONDS = 3600.0
#: How long a delivery waits while another one of its connection fetches, in seconds.
PATIENCE_SECONDS = 1.0
NEVER = float("-inf")

Fetch = Callable[[Link], tuple[str, ...]]


@dataclass(slots=True)
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    fetched_at: float = NEVER
    tried_at: float = NEVER
    #: Seconds until they may be asked for again. A signature that does not match may be of a new webhook.
    pause: float = PAUSE_SECONDS
    failed: bool = False


class SigningSecrets:
    """The secrets of each connection's webhooks. Safe between threads; one fetch at a time for each."""

    def __init__(self, fetch: Fetch | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch or fetch_secrets
        self._clock = clock
        self._lock = threading.Lock()
        self._slots: dict[tuple[str, str], _Slot] = {}

    def match(self, proves: Callable[[str], bool], link: Link) -> bool:
        """Return whether `proves` accepts one of the secrets, fetched again where they may have changed.

        Raises KeyUnavailableError where none could be had.
        """
        slot = self._slot(link)
        seen = slot.fetched_at
        if self._clock() - seen < LIFETIME_SECONDS and _any(proves, slot.secrets):
            return True
        if not slot.lock.acquire(timeout=PATIENCE_SECONDS):
            raise KeyUnavailableError("the signing secret is being fetched just now")
        try:
            if slot.fetched_at != seen and _any(proves, slot.secrets):
                return True  # another delivery has fetched it meanwhile
            if self._may_fetch(slot):
                return _any(proves, self._refresh(slot, link))
        finally:
            slot.lock.release()
        if slot.failed:
            raise KeyUnavailableError("the signing secret could not be fetched just now")
        return False

    def _slot(self, link: Link) -> _Slot:
        with self._lock:
            return self._slots.setdefault((link.connection_id, link.base_url), _Slot())

    def _may_fetch(self, slot: _Slot) -> bool:
        return self._clock() - slot.tried_at >= slot.pause

    def _refresh(self, slot: _Slot, link: Link) -> tuple[str, ...]:
        slot.failed, slot.pause = True, PAUSE_SECONDS
        try:
            slot.secrets = self._fetch(link)
            slot.failed = False
        except SecretsUnavailableError as error:
            slot.pause = error.pause_seconds
            raise
        finally:
            slot.tried_at = self._clock()
        slot.fetched_at = slot.tried_at
        return slot.secrets


def _any(proves: Callable[[str], bool], secrets: tuple[str, ...]) -> bool:
    """Try each in full: how long it takes does not tell which one is right."""
    return True in [proves(secret) for secret in secrets]
