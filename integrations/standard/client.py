"""Pushes over Standard Webhooks: one signed POST for each note, the same body on every attempt."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NoReturn

from integrations.addresses import BlockedAddressError, allowed_addresses
from integrations.answers import Answer
from integrations.errors import RejectedError, UnreachableError
from integrations.http import HttpApi
from integrations.ports import ChangedTicket, Link, NotePush, PsaNote, PsaTicket, Registration, TimePush
from integrations.standard.signature import secret_key, sign
from integrations.standard.webhook import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER

SUMMARY = "walk.summary"


class StandardClient:
    """One connection's receiver of outgoing webhooks. It has no tickets to ask for."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._api = HttpApi(
            link.base_url,
            {"Accept": "application/json"},
            secrets=link.webhook_secrets,
            words=_words,
            allow_private_hosts=link.allow_private_hosts,
            pace=link.pace,
        )

    def check(self) -> str:
        """Resolve the receiver's host; a receiver of webhooks offers nothing harmless to call."""
        try:
            allowed_addresses(self._link.base_url, allow_private_hosts=self._link.allow_private_hosts)
        except BlockedAddressError as error:
            raise RejectedError(str(error)) from None
        except OSError:
            raise UnreachableError("the receiver's host name was not found") from None
        return "the receiver's host name resolves; nothing was sent"

    def ticket(self, ticket_id: str) -> PsaTicket | None:
        _refuse(f"ticket {ticket_id} cannot be read")

    def notes(self, ticket_id: str, *, after_id: str | None = None) -> Sequence[PsaNote]:
        _refuse(f"notes of ticket {ticket_id} after {after_id} cannot be read")

    def find_note(self, ticket_id: str, marker: str) -> Sequence[str]:
        _refuse(f"note {marker} of ticket {ticket_id} cannot be looked for")

    def set_status(self, ticket_id: str, status: str) -> None:
        _refuse(f"the status of ticket {ticket_id} cannot be set to {status}")

    def changed_since(self, moment: datetime) -> Iterable[ChangedTicket]:
        _refuse(f"tickets changed since {moment.isoformat()} cannot be listed")

    def prepare_time(self, push: TimePush) -> bytes:
        _refuse(f"time on ticket {push.ticket_id} cannot be entered")

    def send_time(self, push: TimePush, body: bytes) -> str:
        _refuse(f"{len(body)} bytes of time on ticket {push.ticket_id} cannot be entered")

    def find_time(self, ticket_id: str, marker: str) -> Sequence[str]:
        _refuse(f"time entry {marker} of ticket {ticket_id} cannot be looked for")

    def registration(self, webhook_url: str) -> Registration:
        _refuse(f"what is registered for {webhook_url} cannot be read; it is set up in the sending tool")

    def register(self, webhook_url: str) -> Registration:
        _refuse(f"{webhook_url} cannot be registered; set it up in the sending tool")

    def prepare_note(self, push: NotePush) -> bytes:
        """Return the body of the outgoing webhook, equal for equal pushes. No I/O."""
        data = {
            "purpose": push.purpose.value,
            "ticket_id": push.ticket_id,
            "text": push.text,
            "walk": push.document,
        }
        return json.dumps({"type": SUMMARY, "data": data}, sort_keys=True, separators=(",", ":")).encode()

    def send_note(self, push: NotePush, body: bytes) -> str:
        """POST the webhook and return the entry's id, under which the receiver drops repeats.

        Signed with the newest secret and a fresh timestamp; any 2xx is done, 410 is a refusal for good.
        """
        timestamp = str(int(datetime.now(UTC).timestamp()))
        headers = {
            ID_HEADER: push.entry_id,
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: sign(self._key(), push.entry_id, timestamp, body),
        }
        self._api.write("POST", "", body, headers)
        return push.entry_id

    def _key(self) -> bytes:
        if not self._link.webhook_secrets:
            raise RejectedError("the connection has no webhook secret to sign with")
        try:
            return secret_key(self._link.webhook_secrets[0])
        except ValueError as error:
            raise RejectedError(f"the webhook secret cannot be used: {error}") from None


def _refuse(what: str) -> NoReturn:
    raise RejectedError(f"{what}: the standard provider only receives and sends webhooks")


def _words(answer: Answer) -> str:
    return answer.body.decode("utf-8", "replace") or "no explanation given"
