"""Signed event webhooks, delivered from background threads as Zendesk delivers them."""

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from integrations.errors import ProviderError
from integrations.http import NoAnswerError
from integrations.simulation.sending import Sender, post
from integrations.zendesk.simulator.records import Person, Ticket, Webhook
from integrations.zendesk.simulator.settings import Settings
from integrations.zendesk.simulator.world import World
from integrations.zendesk.webhook import SIGNATURE_HEADER, TICKET_EVENT, TIMESTAMP_HEADER, signature_of

#: As integrators quote Zendesk's "Creating and monitoring webhooks": 409 is sent again up to three times, 429
#: and 503 where Retry-After says less than a minute, a time-out up to five times. Nothing else is.
CONFLICT, LATER = 409, frozenset({429, 503})
RETRIES, RETRIES_AFTER_TIMEOUT = 3, 5
LONGEST_RETRY_AFTER_SECONDS = 60

ACCOUNT_ID = 22_129_848
EVENT_VERSION = "2022-11-06"


@dataclass(slots=True)
class Delivery:
    """One event sent. `answers` has a status, or a reason why there was none, for each attempt."""

    event: str
    ticket_id: int
    url: str
    body: bytes = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    answers: list[int | str] = field(default_factory=list)
    done: bool = False


class Deliveries(Sender[Delivery]):
    """Sends each event to the webhooks that are subscribed to it, and remembers what came back."""

    def __init__(self, world: World, settings: Settings) -> None:
        super().__init__()
        self._world, self._settings = world, settings
        world.announce = self.announce

    def announce(self, name: str, ticket: Ticket, by: Person, event: dict[str, Any]) -> None:
        if not self._settings.on:
            return
        kind = f"{TICKET_EVENT}{name}"
        for webhook in list(self._world.webhooks.values()):
            if webhook.wants(kind):
                self._send(_delivery(webhook, kind, ticket, by, event))

    def _send(self, delivery: Delivery) -> None:
        self._keep(delivery)
        self._submit(self._deliver, delivery)

    def _deliver(self, delivery: Delivery) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            answer, again = self._attempt(delivery)
            delivery.answers.append(answer)
            if again is None or len(delivery.answers) > _retries(answer):
                break
            pause = again
        self._finish(delivery)

    def _attempt(self, delivery: Delivery) -> tuple[int | str, float | None]:
        """Return the answer, and after how many seconds it is sent again; None: never."""
        seconds = self._settings.timeout_seconds
        try:
            answer = post(delivery.url, delivery.headers, delivery.body, timeout_seconds=seconds)
        except NoAnswerError as error:
            return str(error), self._settings.retry_seconds if error.timed_out else None
        except (ProviderError, ValueError) as error:
            return str(error), None
        return answer.status, self._again(answer.status, answer.headers.get("retry-after", ""))

    def _again(self, status: int, retry_after: str) -> float | None:
        if status == CONFLICT:
            return self._settings.retry_seconds
        if status in LATER and retry_after.isdecimal() and int(retry_after) < LONGEST_RETRY_AFTER_SECONDS:
            return float(retry_after)
        return None


def _retries(answer: int | str) -> int:
    return RETRIES if isinstance(answer, int) else RETRIES_AFTER_TIMEOUT


def _delivery(webhook: Webhook, kind: str, ticket: Ticket, by: Person, event: dict[str, Any]) -> Delivery:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    message = {
        "account_id": ACCOUNT_ID,
        "detail": _detail(ticket, by),
        "event": event,
        "id": str(uuid.uuid4()),
        "subject": f"zen:ticket:{ticket.id}",
        "time": datetime.now(UTC).isoformat(),
        "type": kind,
        "zendesk_event_version": EVENT_VERSION,
    }
    body = json.dumps(message).encode()
    headers = {
        "Content-Type": "application/json",
        "X-Zendesk-Account-Id": str(ACCOUNT_ID),
        "X-Zendesk-Webhook-Id": webhook.id,
        "X-Zendesk-Webhook-Invocation-Id": uuid.uuid4().hex,
        SIGNATURE_HEADER: signature_of(body, now, webhook.secret),
        TIMESTAMP_HEADER: now,
    }
    return Delivery(kind, ticket.id, webhook.body.endpoint, body, headers)


def _detail(ticket: Ticket, by: Person) -> dict[str, Any]:
    """In events, ids are texts and words are upper case."""
    return {
        "id": str(ticket.id),
        "actor_id": str(by.id),
        "assignee_id": str(ticket.assignee.id) if ticket.assignee else None,
        "group_id": str(ticket.group.id),
        "status": "DELETED" if ticket.deleted else ticket.status.upper(),
        "subject": ticket.subject,
        "tags": list(ticket.tags),
        "updated_at": ticket.as_json()["updated_at"],
        "via": {"channel": "web_service"},
    }
