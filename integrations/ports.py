"""What a provider must offer: the shapes that cross between a PSA and the service.

A provider is stateless. It is given a `Link` (one account's connection, secrets opened) with every call.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """One HTTP POST exactly as it came. Header names are lower case; the body is the raw bytes.

    `appended` is what stood in the URL's path after the connection's id: a sender's secret word, or what the
    sender put there itself.
    """

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    received_at: datetime
    appended: str = field(default="", repr=False)


def unpaced() -> None:
    """Let a call go at once: the pace of a link that nobody limits."""


@dataclass(frozen=True, slots=True)
class Link:
    """One account's connection as its provider needs it. Secrets never appear in its repr.

    `credentials` holds what the provider's client needs (names: the provider's `credential_names`).
    `webhook_secrets` are all secrets valid now, newest first; empty where the provider uses none.
    `pace` is called before each request to the PSA: it waits for a moment, or raises ThrottledError.
    """

    connection_id: str
    base_url: str
    credentials: Mapping[str, str] = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    allow_private_hosts: bool = False
    pace: Callable[[], None] = field(default=unpaced, repr=False, compare=False)


class EventKind(StrEnum):
    """What happened, in the service's words."""

    TICKET_CREATED = "ticket.created"
    TICKET_CHANGED = "ticket.changed"
    TICKET_DELETED = "ticket.deleted"
    COMMAND = "command"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Event:
    """The normalised meaning of one delivery, read from its body alone.

    `dedupe_key` names the delivery within its connection: the same message sent again has the same key.
    `ticket_id` is the PSA's own id. `command` (only for COMMAND) is the `{"type", "data"}` of the body.
    `reason` (only for IGNORED) says why the service does nothing with it.
    `body` is the event's own part where one body carried several; None: the whole body.
    """

    kind: EventKind
    dedupe_key: str
    ticket_id: str | None = None
    command: Mapping[str, Any] | None = field(default=None, repr=False)
    reason: str | None = None
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PsaTicket:
    """A ticket as the PSA has it now. Names, not ids, where the PSA shows both.

    `merged_into` is the id of the ticket that took this one's place, None where it stands for itself.
    `version` is the one that `changed_since` lists for it as it is now; without it a reconcile cannot tell
    a change that a webhook announced, and looks at it once more.
    """

    ticket_id: str
    summary: str
    status: str
    closed: bool
    board: str | None = None
    type: str | None = None
    priority: str | None = None
    company: str | None = None
    assigned_to: str | None = None
    merged_into: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class ChangedTicket:
    """A ticket that the PSA lists as changed. `version` differs whenever it has changed again."""

    ticket_id: str
    version: str


@dataclass(frozen=True, slots=True)
class PsaNote:
    """One note of a ticket. `author` is the PSA's member identifier, None where a customer wrote it.

    `own` is true where this service wrote it under the connection's credentials.
    """

    note_id: str
    text: str
    author: str | None
    created_at: datetime | None
    own: bool = False


class NotePurpose(StrEnum):
    """Where a note goes in the ticket and who sees it. Only CUSTOMER is for the customer's eyes."""

    RESOLUTION = "resolution"
    HANDOFF = "handoff"
    INTERNAL = "internal"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class NotePush:
    """A note to write. `entry_id` is stable over every attempt; `document` is the walk for machines."""

    entry_id: str
    ticket_id: str
    purpose: NotePurpose
    text: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TimePush:
    """A time entry to write. `member` is the technician as the PSA knows them; `text` carries the marker."""

    entry_id: str
    ticket_id: str
    member: str
    started_at: datetime
    ended_at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Registration:
    """What the PSA has registered for one webhook URL. `problems` is empty where deliveries will come.

    Each problem is one plain sentence; none holds a secret.
    """

    ids: tuple[str, ...]
    problems: tuple[str, ...] = ()


class PsaClient(Protocol):
    """Calls to one connection's PSA. Every method raises the CallErrors of integrations.errors.

    Reads raise UnreachableError, ThrottledError or RejectedError; only writes raise AmbiguousError.
    """

    def check(self) -> str:
        """Try the credentials with a harmless read. Return one line that says what answered."""

    def ticket(self, ticket_id: str) -> PsaTicket | None:
        """Return the ticket as it is now, or None where the PSA has no such ticket."""

    def notes(self, ticket_id: str, *, after_id: str | None = None) -> Sequence[PsaNote]:
        """Return the ticket's notes newer than `after_id`, oldest first, all pages."""

    def prepare_note(self, push: NotePush) -> bytes:
        """Return the exact request body that `send_note` will send. No I/O."""

    def send_note(self, push: NotePush, body: bytes) -> str:
        """Write the note once, never repeated by the HTTP layer. Return the PSA's id for it."""

    def find_note(self, ticket_id: str, marker: str) -> Sequence[str]:
        """Return the ids of the ticket's notes that carry `marker`, oldest first."""

    def set_status(self, ticket_id: str, status: str) -> None:
        """Set the ticket's status by name and read it back; return only if the PSA shows it."""

    def prepare_time(self, push: TimePush) -> bytes:
        """Return the exact request body that `send_time` will send. May read what the PSA calls things."""

    def send_time(self, push: TimePush, body: bytes) -> str:
        """Write the time entry once, never repeated by the HTTP layer. Return the PSA's id for it."""

    def find_time(self, ticket_id: str, marker: str) -> Sequence[str]:
        """Return the ids of the ticket's time entries that carry `marker`, oldest first."""

    def changed_since(self, moment: datetime) -> Iterable[ChangedTicket]:
        """Return the tickets changed after `moment`, notes included, all pages, longest unchanged first."""

    def registration(self, webhook_url: str) -> Registration:
        """Return what is registered for this URL, and what is wrong with it: missing, disabled, twice."""

    def register(self, webhook_url: str) -> Registration:
        """Make exactly one registration per event, re-arm what is disabled, remove what stands twice.

        Safe to repeat. Returns what is registered then.
        """


class Provider(Protocol):
    """One PSA, or the open standard."""

    name: str
    #: Names that `connection add --credential NAME=VALUE` must give.
    credential_names: tuple[str, ...]
    #: True where `--webhook-secret` is the key that verifies deliveries.
    needs_webhook_secret: bool
    #: The one status for "store unavailable" that this sender retries.
    unavailable_status: int
    #: Longest note text in characters; longer texts are split by the service.
    note_limit: int
    #: True where the receiver of pushes drops repeats by `entry_id`, so an unknown outcome is sent again.
    repeatable: bool
    #: True where deliveries carry commands themselves, in the order they arrive; no PSA to ask.
    carries_commands: bool
    #: Calls that one connection may make in an hour, from all workers together, and how many at a time.
    calls_per_hour: int
    calls_at_once: int
    #: How far back a reconcile looks behind the last one, since a PSA lists changes late.
    reconcile_overlap: timedelta

    def check_link(self, link: Link) -> None:
        """Raise ValueError with one plain sentence where the link cannot work as given. No I/O."""

    def verify(self, request: WebhookRequest, link: Link) -> None:
        """Return only if the request is authentic. Raises SignatureError or KeyUnavailableError."""

    def parse(self, request: WebhookRequest) -> Sequence[Event]:
        """Read the body without I/O: one event, or several where the sender batches. Raises PayloadError."""

    def webhook_url(self, url: str, link: Link) -> str:
        """Return the address to give the PSA, made from the connection's plain webhook URL."""

    def client(self, link: Link) -> PsaClient:
        """Return a client for one connection. No I/O."""
