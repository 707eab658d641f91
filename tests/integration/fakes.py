"""Fakes at the ports: a PSA in memory, its provider, and a publisher that keeps what it is given."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.errors import CallError
from integrations.ports import (
    ChangedTicket,
    Event,
    Link,
    NotePush,
    PsaNote,
    PsaTicket,
    Registration,
    TimePush,
    WebhookRequest,
)
from worker.db.unit_of_work import Hint


class RecordingPublisher:
    """Keeps the hints instead of sending them."""

    def __init__(self) -> None:
        self.published: list[Hint] = []

    def publish(self, hints: Sequence[Hint]) -> None:
        self.published.extend(hints)


class FakePsa:
    """A PSA in memory, at the port. `script` lists per method what its next calls do.

    An error is raised and nothing is done; `Lost(error)` does it and raises; None does it; a function is
    called first.
    """

    def __init__(self) -> None:
        self.tickets: dict[str, PsaTicket] = {}
        self.typed: dict[str, list[PsaNote]] = {}
        self.calls: list[tuple[str, ...]] = []
        self.sent: list[NotePush] = []
        self.bodies: list[bytes] = []
        self.times: dict[str, TimePush] = {}
        self.changed: list[ChangedTicket] = []
        self.registered = Registration(())
        self.script: dict[str, deque[Any]] = {}
        self._lock = threading.Lock()

    def next_calls(self, method: str, *outcomes: Any) -> None:
        self.script.setdefault(method, deque()).extend(outcomes)

    def has_ticket(self, ticket_id: str, **facts: Any) -> None:
        plain = PsaTicket(ticket_id, summary="VPN down", status="New", closed=False, assigned_to="jdoe")
        self.tickets[ticket_id] = replace(plain, **facts)

    def type_note(self, ticket_id: str, note_text: str, *, author: str | None = "jdoe", own: bool = False):
        notes = self.typed.setdefault(ticket_id, [])
        note_id = str(1 + sum(len(of_ticket) for of_ticket in self.typed.values()))
        notes.append(PsaNote(note_id, note_text, author, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), own))

    def change_note(self, ticket_id: str, note_text: str, new_text: str | None) -> None:
        """Give the note with this text another one; None deletes it."""
        notes = self.typed[ticket_id]
        place = next(place for place, note in enumerate(notes) if note.text == note_text)
        notes[place : place + 1] = [] if new_text is None else [replace(notes[place], text=new_text)]

    def count(self, method: str) -> int:
        return sum(call[0] == method for call in self.calls)

    def check(self) -> str:
        return "a fake answered"

    def ticket(self, ticket_id: str) -> PsaTicket | None:
        self._begin("ticket", ticket_id)
        return self.tickets.get(ticket_id)

    def notes(self, ticket_id: str, *, after_id: str | None = None) -> list[PsaNote]:
        self._begin("notes", ticket_id, str(after_id))
        return [n for n in self.typed.get(ticket_id, []) if int(n.note_id) > int(after_id or 0)]

    def prepare_note(self, push: NotePush) -> bytes:
        self._begin("prepare_note", push.ticket_id)
        return f"{push.entry_id}\n{push.text}".encode()

    def send_note(self, push: NotePush, body: bytes) -> str:
        lost = self._begin("send_note", push.ticket_id)
        with self._lock:
            self.sent.append(push)
            self.bodies.append(body)
            self.type_note(push.ticket_id, push.text, author="api", own=True)
            note_id = self.typed[push.ticket_id][-1].note_id
        if lost:
            raise lost.error
        return note_id

    def find_note(self, ticket_id: str, marker: str) -> list[str]:
        self._begin("find_note", ticket_id, marker)
        return [note.note_id for note in self.typed.get(ticket_id, []) if marker in note.text]

    def set_status(self, ticket_id: str, status: str) -> None:
        self._begin("set_status", ticket_id, status)
        self.tickets[ticket_id] = replace(self.tickets[ticket_id], status=status)

    def prepare_time(self, push: TimePush) -> bytes:
        self._begin("prepare_time", push.ticket_id)
        return f"{push.entry_id}\n{push.text}".encode()

    def send_time(self, push: TimePush, body: bytes) -> str:
        lost = self._begin("send_time", push.ticket_id)
        with self._lock:
            self.bodies.append(body)
            time_id = str(1 + len(self.times))
            self.times[time_id] = push
        if lost:
            raise lost.error
        return time_id

    def find_time(self, ticket_id: str, marker: str) -> list[str]:
        self._begin("find_time", ticket_id, marker)
        entries = self.times.items()
        return [time_id for time_id, push in entries if push.ticket_id == ticket_id and marker in push.text]

    def changed_since(self, moment: datetime) -> list[ChangedTicket]:
        self._begin("changed_since", moment.isoformat())
        return list(self.changed)

    def registration(self, webhook_url: str) -> Registration:
        self._begin("registration", webhook_url)
        return self.registered

    def register(self, webhook_url: str) -> Registration:
        self._begin("register", webhook_url)
        self.registered = Registration(("1",))
        return self.registered

    def _begin(self, *call: str) -> "Lost | None":
        with self._lock:
            self.calls.append(call)
            outcomes = self.script.get(call[0])
            outcome = outcomes.popleft() if outcomes else None
        if isinstance(outcome, CallError):
            raise outcome
        if isinstance(outcome, Lost):
            return outcome
        if outcome is not None:
            outcome()
        return None


@dataclass(frozen=True)
class Lost:
    """The call is done and its answer is lost."""

    error: CallError


@dataclass
class FakeProvider:
    """A provider at the port, whose every connection leads to the same fake PSA."""

    name: str
    psa: FakePsa
    repeatable: bool
    carries_commands: bool
    note_limit: int = 10_000
    credential_names: tuple[str, ...] = ()
    needs_webhook_secret: bool = False
    unavailable_status: int = 503
    calls_per_hour: int = 10_000
    calls_at_once: int = 3
    reconcile_overlap: timedelta = timedelta(minutes=5)

    def check_link(self, link: Link) -> None:
        if not link.base_url.startswith("https://"):
            raise ValueError("the base URL must start with https://")

    def verify(self, request: WebhookRequest, link: Link) -> None:
        raise NotImplementedError

    def parse(self, request: WebhookRequest) -> Sequence[Event]:
        raise NotImplementedError

    def webhook_url(self, url: str, link: Link) -> str:
        return url if link.connection_id else ""

    def client(self, link: Link) -> FakePsa:
        assert link.connection_id
        return self.psa
