"""Signing secrets: Zendesk makes one for each webhook, and its API shows it. Kept for a while."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

from integrations.addresses import BlockedAddressError
from integrations.errors import KeyUnavailableError, PayloadError
from integrations.http import USER_AGENT, Limits, NoAnswerError, Outgoing, exchange
from integrations.ports import Link
from integrations.zendesk.api import API_PATH, PAGE_SIZE, basic_token
from integrations.zendesk.lists import ShownSecret, Webhook, WebhookPage
from integrations.zendesk.mapping import Model, read_record

#: Seconds, bytes. Zendesk waits 10 s for an answer to a delivery, and has two calls to answer in that time.
#: 1 MiB: a page of a hundred webhooks is a tenth of it.
FETCH_LIMITS = Limits(connect_seconds=1, read_seconds=2, total_seconds=3, answer_bytes=1024 * 1024)
#: Pages of a hundred webhooks each; what is not among them is refused.
MAX_PAGES = 3
#: How long secrets are believed without asking again, in seconds. One that was reset is noticed by its use.
LIFETIME_SECONDS = 3600.0
#: A signature that does not match may be of a new webhook. Asked again only this long after the last time, so
#: that forged deliveries cannot make the service call Zendesk at their pace.
REFETCH_AFTER_SECONDS = 30.0
#: After a failed fetch, deliveries are refused at once for this long instead of queueing for another.
FAILURE_PAUSE_SECONDS = 2.0
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
        pause = FAILURE_PAUSE_SECONDS if slot.failed else REFETCH_AFTER_SECONDS
        return self._clock() - slot.tried_at >= pause

    def _refresh(self, slot: _Slot, link: Link) -> tuple[str, ...]:
        slot.failed = True
        try:
            slot.secrets = self._fetch(link)
            slot.failed = False
        finally:
            slot.tried_at = self._clock()
        slot.fetched_at = slot.tried_at
        return slot.secrets


def fetch_secrets(link: Link) -> tuple[str, ...]:
    """Ask Zendesk for the secrets of the webhooks that call this connection, and of no others.

    Whoever runs another integration of the same Zendesk knows the secret of its own webhook.
    Raises KeyUnavailableError.
    """
    own = [webhook.id for webhook in _webhooks(link) if _calls(webhook.endpoint, link.connection_id)]
    shown = [_get(link, f"/webhooks/{webhook_id}/signing_secret", ShownSecret) for webhook_id in own]
    return tuple(answer.signing_secret.secret for answer in shown)


def _webhooks(link: Link) -> Iterator[Webhook]:
    place: dict[str, str] = {}
    for _ in range(MAX_PAGES):
        query = urlencode({"page[size]": PAGE_SIZE, **place})
        page = _get(link, f"/webhooks?{query}", WebhookPage)
        yield from page.webhooks
        if not page.meta.has_more or not page.meta.after_cursor:
            return
        place = {"page[after]": page.meta.after_cursor}


def _calls(endpoint: str, connection_id: str) -> bool:
    return endpoint.partition("?")[0].rstrip("/").rpartition("/")[2] == connection_id


def _get(link: Link, path: str, model: type[Model]) -> Model:
    headers = {"User-Agent": USER_AGENT, "Authorization": f"Basic {basic_token(link)}"}
    outgoing = Outgoing("GET", f"{link.base_url.rstrip('/')}{API_PATH}{path}", headers)
    try:
        answer = exchange(outgoing, limits=FETCH_LIMITS, allow_private_hosts=link.allow_private_hosts)
        if answer.ok:
            return read_record(model, answer.json())
    except (BlockedAddressError, NoAnswerError, PayloadError) as error:
        raise KeyUnavailableError(f"the signing secret could not be fetched: {error}") from None
    raise KeyUnavailableError(f"Zendesk answered HTTP {answer.status} instead of a signing secret")


def _any(proves: Callable[[str], bool], secrets: tuple[str, ...]) -> bool:
    """Try each in full: how long it takes does not tell which one is right."""
    return True in [proves(secret) for secret in secrets]
