"""ConnectWise signing keys: fetched from `key_url`, kept for a while, never fetched at a stranger's pace."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from integrations.addresses import BlockedAddressError
from integrations.errors import KeyUnavailableError, PayloadError, SignatureError
from integrations.http import USER_AGENT, Limits, NoAnswerError, Outgoing, exchange

#: ConnectWise gives a callback 5 s (PSA Callbacks page), so the key must be here well before that.
#: 64 KiB: the answer is one short JSON object (NangoHQ/nango bounds it alike).
KEY_LIMITS = Limits(connect_seconds=1, read_seconds=2, total_seconds=3, answer_bytes=64 * 1024)

#: How long a key is believed without asking again. The rotation period is not published.
KEY_LIFETIME_SECONDS = 3600.0
#: A signature that does not match may mean a rotated key. Asked again only this long after the last time,
#: so that bad requests cannot make the service call ConnectWise at their pace.
REFETCH_AFTER_SECONDS = 30.0
#: After a failed fetch, requests for the same key fail at once for this long instead of queueing for it.
FAILURE_PAUSE_SECONDS = 2.0
#: New key_urls of one connection per minute. A tenant has one for each registered callback.
NEW_URLS_PER_MINUTE = 20
#: Keys that are tried where a connection's delivery names a new address: each costs an HMAC over the body.
PROVEN_KEYS = 4
#: Kept keys, all connections together; the one unused longest goes first.
MAX_KEYS = 1024

#: How long a delivery waits while another one of its key address fetches the key, in seconds.
PATIENCE_SECONDS = 1.0
MINUTE_SECONDS = 60.0
NEVER = float("-inf")

Fetch = Callable[[str, bool], str]


@dataclass(slots=True)
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    key: bytes | None = field(default=None, repr=False)
    fetched_at: float = NEVER
    tried_at: float = NEVER
    failed: bool = False
    #: True once a delivery was signed with the key: nobody but the PSA can bring that about.
    proven: bool = False


class SigningKeys:
    """The HMAC keys by connection and key_url. Safe to share between threads; one fetch per key at a time."""

    def __init__(self, fetch: Fetch | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch or fetch_signing_key
        self._clock = clock
        self._lock = threading.Lock()
        self._slots: OrderedDict[tuple[str, str], _Slot] = OrderedDict()
        self._new_urls: dict[str, list[float]] = {}

    def matches(
        self,
        proves: Callable[[bytes], bool],
        *,
        connection_id: str,
        key_url: str,
        allow_private_hosts: bool,
    ) -> bool:
        """Return whether `proves` accepts the key of `key_url`, fetched again where it may have changed.

        At an address that was not seen yet, a key that has proven itself for this connection is tried first:
        so whoever forges addresses cannot keep out a new one of the PSA's. Raises KeyUnavailableError where
        no key could be had.
        """
        if any(proves(key) for key in self._proven_elsewhere(connection_id, key_url)):
            return True
        slot = self._slot(connection_id, key_url)
        proven = self._proves(proves, slot, key_url, allow_private_hosts)
        slot.proven |= proven
        return proven

    def _proves(
        self, proves: Callable[[bytes], bool], slot: _Slot, key_url: str, allow_private_hosts: bool
    ) -> bool:
        key = slot.key
        if key is not None and not self._expired(slot) and proves(key):
            return True
        if not slot.lock.acquire(timeout=PATIENCE_SECONDS):
            # whoever forged a delivery with a key address that hangs may not hold up the others' threads
            raise KeyUnavailableError("the signing key is being fetched just now")
        try:
            if slot.key is not None and slot.key != key and proves(slot.key):
                return True
            if self._may_fetch(slot):
                return proves(self._refresh(slot, key_url, allow_private_hosts))
        finally:
            slot.lock.release()
        if slot.failed:
            raise KeyUnavailableError("the signing key could not be fetched just now")
        return False

    def _proven_elsewhere(self, connection_id: str, key_url: str) -> list[bytes]:
        """Return the keys that have proven themselves lately, where the address is new."""
        with self._lock:
            if (connection_id, key_url) in self._slots:
                return []
            known = [
                slot.key
                for (owner, _), slot in reversed(self._slots.items())
                if owner == connection_id and slot.proven and slot.key and not self._expired(slot)
            ]
        return known[:PROVEN_KEYS]

    def _expired(self, slot: _Slot) -> bool:
        return self._clock() - slot.fetched_at >= KEY_LIFETIME_SECONDS

    def _may_fetch(self, slot: _Slot) -> bool:
        pause = FAILURE_PAUSE_SECONDS if slot.failed else REFETCH_AFTER_SECONDS
        return self._clock() - slot.tried_at >= pause

    def _refresh(self, slot: _Slot, key_url: str, allow_private_hosts: bool) -> bytes:
        slot.failed = True
        try:
            key = hmac_key(self._fetch(key_url, allow_private_hosts))
            slot.proven &= key == slot.key
            slot.key = key
            slot.failed = False
        finally:
            slot.tried_at = self._clock()
        slot.fetched_at = slot.tried_at
        return key

    def _slot(self, connection_id: str, key_url: str) -> _Slot:
        name = (connection_id, key_url)
        with self._lock:
            if name not in self._slots:
                self._count_new_url(connection_id)
                self._slots[name] = _Slot()
            self._slots.move_to_end(name)
            if len(self._slots) > MAX_KEYS:
                self._slots.popitem(last=False)
            return self._slots[name]

    def _count_new_url(self, connection_id: str) -> None:
        now = self._clock()
        recent = [at for at in self._new_urls.get(connection_id, []) if now - at < MINUTE_SECONDS]
        if len(recent) >= NEW_URLS_PER_MINUTE:
            raise KeyUnavailableError("too many different key addresses in one minute")
        if len(self._new_urls) > MAX_KEYS:
            self._new_urls.clear()
        self._new_urls[connection_id] = [*recent, now]


def hmac_key(signing_key: str) -> bytes:
    """Return the HMAC key: the raw SHA-256 digest of the signing key's text (ConnectWise Developer Guide)."""
    return hashlib.sha256(signing_key.encode()).digest()


def fetch_signing_key(key_url: str, allow_private_hosts: bool) -> str:
    """GET the signing key, without credentials (as NangoHQ/nango, go-connectwise-psa and others do).

    Raises KeyUnavailableError; SignatureError where the address may not be called.
    """
    outgoing = Outgoing("GET", key_url, {"User-Agent": USER_AGENT, "Accept": "application/json"})
    try:
        answer = exchange(outgoing, limits=KEY_LIMITS, allow_private_hosts=allow_private_hosts)
        found = answer.json() if answer.ok else None
    except BlockedAddressError as error:
        raise SignatureError(f"key_url refused: {error}") from None
    except NoAnswerError as error:
        raise KeyUnavailableError(f"the signing key could not be fetched: {error}") from None
    except PayloadError:
        raise KeyUnavailableError("the key address did not answer with JSON") from None
    if not answer.ok:
        raise KeyUnavailableError(f"the key address answered HTTP {answer.status}")
    key = found.get("signing_key") if isinstance(found, dict) else None
    if not isinstance(key, str) or not key.isprintable() or not key:
        raise KeyUnavailableError("the key address answered without a signing_key")
    return key
