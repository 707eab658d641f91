"""Asks Zendesk for the signing secrets of a connection's webhooks, within one deadline."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

from integrations.addresses import BlockedAddressError
from integrations.answers import Answer, retry_after
from integrations.errors import KeyUnavailableError, PayloadError
from integrations.http import USER_AGENT, Limits, NoAnswerError, Outgoing, exchange
from integrations.ports import Link
from integrations.zendesk.api import API_PATH, PAGE_SIZE, basic_token
from integrations.zendesk.lists import ShownSecret, Webhook, WebhookPage
from integrations.zendesk.mapping import Model, read_record

#: All calls of one fetch together, in seconds: a little less than the receiver waits (2.5 s). A thread that
#: is busy for longer works for nobody, and is missing for the deliveries of others.
TOTAL_SECONDS = 2.4
#: Seconds, bytes. 1 MiB: a page of a hundred webhooks is a tenth of it.
CALL_LIMITS = Limits(connect_seconds=1, read_seconds=2, total_seconds=TOTAL_SECONDS, answer_bytes=1024 * 1024)
#: Pages of a hundred webhooks each; what is not among them is refused.
MAX_PAGES = 3

#: Zendesk is asked again only this long after it has answered anything, in seconds, so that forged deliveries
#: cannot make the service call it at their pace.
PAUSE_SECONDS = 30.0
#: The same where it has not answered at all: deliveries are refused at once for this long instead of queueing
#: for another fetch, and it is noticed soon when Zendesk is back.
NO_ANSWER_PAUSE_SECONDS = 2.0


class SecretsUnavailableError(KeyUnavailableError):
    """The signing secrets could not be had; they may be asked for again after `pause_seconds`."""

    def __init__(self, message: str, *, pause_seconds: float) -> None:
        super().__init__(message)
        self.pause_seconds = pause_seconds


def fetch_secrets(link: Link) -> tuple[str, ...]:
    """Ask Zendesk for the secrets of the webhooks that call this connection, and of no others.

    Whoever runs another integration of the same Zendesk knows the secret of its own webhook.
    Raises SecretsUnavailableError.
    """
    calls = _Calls(link)
    own = [webhook.id for webhook in _webhooks(calls) if _is_of(webhook.endpoint, link.connection_id)]
    shown = [calls.get(f"/webhooks/{webhook_id}/signing_secret", ShownSecret) for webhook_id in own]
    return tuple(answer.signing_secret.secret for answer in shown)


class _Calls:
    """The calls of one fetch."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._deadline = time.monotonic() + TOTAL_SECONDS
        self._pause = NO_ANSWER_PAUSE_SECONDS

    def get(self, path: str, model: type[Model]) -> Model:
        try:
            answer = self._exchange(path)
            if answer.ok:
                return read_record(model, answer.json())
        except (BlockedAddressError, NoAnswerError, PayloadError) as error:
            raise self._failure(f"the signing secret could not be fetched: {error}") from None
        raise self._failure(f"Zendesk answered HTTP {answer.status} instead of a signing secret")

    def _exchange(self, path: str) -> Answer:
        seconds_left = self._deadline - time.monotonic()
        if seconds_left <= 0:
            raise NoAnswerError(f"its calls took longer than {TOTAL_SECONDS} s", sent=False, timed_out=True)
        headers = {"User-Agent": USER_AGENT, "Authorization": f"Basic {basic_token(self._link)}"}
        answer = exchange(
            Outgoing("GET", f"{self._link.base_url.rstrip('/')}{API_PATH}{path}", headers),
            limits=replace(CALL_LIMITS, total_seconds=seconds_left),
            allow_private_hosts=self._link.allow_private_hosts,
        )
        self._pause = _pause(answer)
        return answer

    def _failure(self, sentence: str) -> SecretsUnavailableError:
        return SecretsUnavailableError(sentence, pause_seconds=self._pause)


def _pause(answer: Answer) -> float:
    said = retry_after(answer.headers.get("retry-after"), datetime.now(UTC))
    return max(PAUSE_SECONDS, said.total_seconds())


def _webhooks(calls: _Calls) -> Iterator[Webhook]:
    place: dict[str, str] = {}
    for _ in range(MAX_PAGES):
        query = urlencode({"page[size]": PAGE_SIZE, **place})
        page = calls.get(f"/webhooks?{query}", WebhookPage)
        yield from page.webhooks
        if not page.meta.has_more or not page.meta.after_cursor:
            return
        place = {"page[after]": page.meta.after_cursor}


def _is_of(endpoint: str, connection_id: str) -> bool:
    return endpoint.partition("?")[0].rstrip("/").rpartition("/")[2] == connection_id
