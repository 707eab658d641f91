"""Which tickets have changed, over all pages."""

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.halopsa.changes import PAGE_SIZE
from tests.integration.integrations.halopsa.calls import MINUTES

pytestmark = pytest.mark.integration


def test_changed_tickets_are_listed_since_a_moment_longest_unchanged_first(simulator, client):
    first, second, third = (simulator.create_ticket() for _ in range(3))
    simulator.add_note(first, "yes")
    found = [ticket.ticket_id for ticket in client.changed_since(datetime.now(UTC) - 5 * MINUTES)]
    assert found == [second, third, first]
    assert list(client.changed_since(datetime.now(UTC) + 5 * MINUTES)) == []


def test_a_changed_ticket_has_another_version_and_an_unchanged_one_the_same(simulator, client):
    before = datetime.now(UTC) - 5 * MINUTES
    simulator.create_ticket()
    [first] = client.changed_since(before)
    assert list(client.changed_since(before)) == [first]
    simulator.add_note(first.ticket_id, "yes")
    [second] = client.changed_since(before)
    assert second.version != first.version


def test_a_ticket_names_no_version_since_its_notes_may_come_after_it(simulator, client):
    assert client.ticket(simulator.create_ticket()).version is None


def test_changed_tickets_are_read_over_all_pages_and_no_further(simulator, client):
    for number in range(PAGE_SIZE + 3):
        simulator.create_ticket(str(number))
    assert len(list(client.changed_since(datetime.now(UTC) - 5 * MINUTES))) == PAGE_SIZE + 3
    pages = len(simulator.requests("GET", "/Tickets"))
    list(client.changed_since(datetime.now(UTC) + 5 * MINUTES))
    assert len(simulator.requests("GET", "/Tickets")) == pages + 1


def listed(*days: int) -> dict[str, Any]:
    tickets = [{"id": day, "lastactiondate": f"2026-08-{day:02}T09:00:00"} for day in days]
    return {"record_count": len(tickets), "tickets": tickets}


def test_a_list_that_is_not_in_order_is_read_to_its_end(simulator, client, monkeypatch):
    monkeypatch.setattr("integrations.halopsa.changes.PAGE_SIZE", 2)
    for days in ((1, 9), (3, 2), (8,)):
        simulator.fault("status", method="GET", path="*/Tickets", status=200, body=listed(*days))
    found = [t.ticket_id for t in client.changed_since(datetime(2026, 8, 5, tzinfo=UTC))]
    assert found == ["8", "9"]


def test_a_list_in_order_is_read_until_it_is_older(simulator, client, monkeypatch):
    monkeypatch.setattr("integrations.halopsa.changes.PAGE_SIZE", 2)
    for days in ((9, 8), (7, 4)):
        simulator.fault("status", method="GET", path="*/Tickets", status=200, body=listed(*days))
    found = [t.ticket_id for t in client.changed_since(datetime(2026, 8, 5, tzinfo=UTC))]
    assert found == ["7", "8", "9"]
    assert len(simulator.requests("GET", "/Tickets")) == 2


def test_a_ticket_that_moves_between_pages_is_listed_once(simulator, client, monkeypatch):
    monkeypatch.setattr("integrations.halopsa.changes.PAGE_SIZE", 2)
    for days in ((9, 8), (8, 7), (7,)):
        simulator.fault("status", method="GET", path="*/Tickets", status=200, body=listed(*days))
    found = [t.ticket_id for t in client.changed_since(datetime(2026, 8, 1, tzinfo=UTC))]
    assert found == ["7", "8", "9"]
