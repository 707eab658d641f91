"""An hour whose webhooks did not come, with every PSA, under real processes: one reconcile makes up for it.

What happens in one PSA happens in all of them at the same time; the tests then look at each.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from integrations.simulation.stand_in import DeletesNotes
from tests.acceptance.canaries import WORDS
from tests.acceptance.cut_line import Line
from tests.acceptance.psas import HABITS, Psa, Walked, running_psas, walked_tickets
from tests.acceptance.tools import send, set_up_people, wait_for
from worker.composition import build
from worker.db.models import SessionRow
from worker.demo.service import RunningService
from worker.domain.words import CommandState, DeliveryState
from worker.hints import SilentPublisher
from worker.services import listings, routing, views
from worker.services.context import Context
from worker.settings import Settings

#: The story takes minutes where the machine is busy.
pytestmark = pytest.mark.timeout(600)

SUMMARIES = {"busy": "adhoc: its notes change", "announced": "adhoc: its webhook comes"}
NEW = ("adhoc: first of the hour", "adhoc: second of the hour")
#: More than the webhooks that all PSAs send in the hour.
MANY = 1000


@dataclass
class Hour:
    """What happened in one PSA. `walks` and `afterwards` are its walks after the reconcile and in the end."""

    psa: Psa
    tickets: Mapping[str, Walked]
    notes: dict[str, str] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    reconciled: list[dict[str, Any]] = field(default_factory=list)
    walks: dict[str, Any] = field(default_factory=dict)
    afterwards: dict[str, Any] = field(default_factory=dict)

    @property
    def ticket_ids(self) -> list[str]:
        return [*(walked.ticket_id for walked in self.tickets.values()), *self.created]

    def type_note(self, word: str, text: str) -> None:
        ticket_id, member = self.tickets[word].ticket_id, self.psa.habits.member
        self.notes[text] = self.psa.stand_in.add_note(ticket_id, text, member=member)


@dataclass
class Story:
    """What happened in all of them. `repeats` are the deliveries after all was made up for."""

    service: RunningService
    context: Context
    line: Line
    hours: Mapping[str, Hour]
    repeats: list[dict[str, Any]] = field(default_factory=list)

    def walks(self) -> dict[str, dict[str, Any]] | None:
        """Return every walk of the story by its ticket, once nothing is waiting and each ticket has one."""
        expected = sorted(ticket_id for hour in self.hours.values() for ticket_id in hour.ticket_ids)
        waiting = (
            *listings.deliveries(self.context, state=DeliveryState.PENDING, limit=MANY),
            *listings.commands(self.context, state=CommandState.PENDING, limit=MANY),
        )
        if any(line["ticket"] in expected for line in waiting):
            return None
        # the newest ones only: another test's simulator may have given the same numbers
        listed = listings.walks(self.context, limit=len(expected))
        if sorted(walk["ticket_id"] for walk in listed) != expected:
            return None
        shown = [self._walk(UUID(walk["id"])) for walk in listed]
        if any(walk["notes_due_at"] for walk in shown):
            return None
        return {walk["ticket_id"]: walk for walk in shown}

    def _walk(self, session_id: UUID) -> dict[str, Any]:
        account_id = routing.account_of(self.context, SessionRow, session_id)
        with self.context.uow.begin(account_id) as tx:
            return views.walk(tx, session_id)

    def deliveries(self, limit: int) -> list[dict[str, Any]]:
        """Return the newest deliveries, the newest first."""
        return [dict(line) for line in listings.deliveries(self.context, state=None, limit=limit)]

    def reconcile(self) -> None:
        """Run a reconcile of each PSA, all at the same time, and wait until they are over."""
        calls = [("psa.reconcile", {"connection": hour.psa.connection}) for hour in self.hours.values()]
        for hour, done in zip(self.hours.values(), send(self.service, calls), strict=True):
            hour.reconciled.append(done)


@pytest.fixture(scope="module")
def story(service: RunningService, short_path: Path) -> Iterator[Story]:
    """The hour, one reconcile, another one, and the hour's webhooks, late."""
    account = set_up_people("Hour MSP", service, short_path)
    with (
        Line(service.url) as line,
        reading(short_path) as context,
        running_psas(service, account, short_path, through=line.leads_to) as psas,
    ):
        tickets = walked_tickets(service, psas, SUMMARIES)
        story = Story(
            service,
            context,
            line,
            {
                name: Hour(running, {word: tickets[word][name] for word in SUMMARIES})
                for name, running in psas.items()
            },
        )
        before_the_hour(story)
        the_hour(story)
        story.reconcile()
        for name, walks in settled(story).items():
            story.hours[name].walks = walks
        repeat(story)
        yield story


@contextmanager
def reading(home: Path) -> Iterator[Context]:
    """Read what the service has stored: faster than a command for each row."""
    context = build(Settings(home=home), SilentPublisher())
    try:
        yield context
    finally:
        context.uow._engine.dispose()


def before_the_hour(story: Story) -> None:
    """Notes whose webhooks come; and what was missed until now is no part of the hour."""
    for hour in story.hours.values():
        for text in ("stays", "is edited", "is deleted"):
            hour.type_note("busy", text)
    settled(story, notes=3)
    story.reconcile()
    settled(story)


def the_hour(story: Story) -> None:
    """Webhooks get lost but for those of a short while in its middle."""
    cut(story, True)
    for hour in story.hours.values():
        hour.created.append(hour.psa.create_ticket(NEW[0]))
        hour.type_note("busy", "typed in the hour")
    cut(story, False)
    for hour in story.hours.values():
        hour.type_note("announced", "announced")
    cut(story, True)
    for hour in story.hours.values():
        change_notes(hour)
        hour.created.append(hour.psa.create_ticket(NEW[1]))
    cut(story, True)


def cut(story: Story, on: bool) -> None:
    """Cut or mend the line, once all that was sent until now has come to it."""
    for hour in story.hours.values():
        hour.psa.stand_in.wait_for_deliveries()
    story.line.cut = on


def change_notes(hour: Hour) -> None:
    stand_in, ticket_id, member = hour.psa.stand_in, hour.tickets["busy"].ticket_id, hour.psa.habits.member
    stand_in.edit_note(ticket_id, hour.notes["is edited"], "was edited", member=member)
    if isinstance(stand_in, DeletesNotes):
        stand_in.delete_note(ticket_id, hour.notes["is deleted"], member=member)


def repeat(story: Story) -> None:
    """Reconcile again; then the webhooks of the hour come after all."""
    [newest] = story.deliveries(1)
    story.reconcile()
    cut(story, False)
    assert set(story.line.pass_on_the_kept()) == {202}
    for name, walks in settled(story).items():
        story.hours[name].afterwards = walks
    story.repeats = [one for one in story.deliveries(MANY) if one["id"] > newest["id"]]


def settled(story: Story, *, notes: int = 0) -> dict[str, dict[str, Any]]:
    """Wait until nothing is left to do, and every busy walk has as many notes. Return the PSAs' walks."""

    def look() -> dict[str, dict[str, Any]] | None:
        walks = story.walks()
        if walks is None:
            return None
        busy = [walks[hour.tickets["busy"].ticket_id] for hour in story.hours.values()]
        return walks if all(len(walk["walk_notes"]) >= notes for walk in busy) else None

    walks = wait_for("everything to be done", look, seconds=90)
    return {
        name: {ticket_id: walks[ticket_id] for ticket_id in hour.ticket_ids}
        for name, hour in story.hours.items()
    }


@pytest.mark.parametrize("name", HABITS)
def test_each_ticket_of_the_hour_has_its_walk_after_one_reconcile(story, name):
    hour = story.hours[name]
    assert hour.reconciled[1]["filed"] >= len(("busy", *NEW))
    assert [hour.walks[ticket_id]["status"] for ticket_id in hour.created] == ["active", "active"]


@pytest.mark.parametrize("name", HABITS)
def test_each_note_of_the_hour_stands_once_as_it_is_now(story, name):
    hour = story.hours[name]
    busy, announced = (hour.walks[hour.tickets[word].ticket_id]["walk_notes"] for word in SUMMARIES)
    deletes = isinstance(hour.psa.stand_in, DeletesNotes)
    assert [(note["text"], note.get("edited", False), note.get("deleted", False)) for note in busy] == [
        (f"stays {WORDS}", False, False),
        ("was edited", True, False),
        (f"is deleted {WORDS}", False, deletes),
        (f"typed in the hour {WORDS}", False, False),
    ]
    assert [note["text"] for note in announced] == [f"announced {WORDS}"]


@pytest.mark.parametrize("name", HABITS)
def test_another_reconcile_and_the_late_webhooks_change_nothing(story, name):
    hour = story.hours[name]
    again = hour.reconciled[2]
    assert (again["listed"] > 0, again["filed"]) == (True, 0)
    assert hour.afterwards == hour.walks


def test_the_late_webhooks_were_looked_at_and_said_nothing_new(story):
    assert {delivery["state"] for delivery in story.repeats} == {"ignored"}
    of_tickets = {delivery["reason"] for delivery in story.repeats if delivery["ticket"]}
    assert of_tickets == {"nothing new for the walk"}
    assert len(story.repeats) >= len(HABITS) * len(("busy", *NEW))
