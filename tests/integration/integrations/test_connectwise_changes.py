"""Which tickets ConnectWise lists as changed, while they go on changing."""

from datetime import UTC, datetime, timedelta

import pytest

from integrations.connectwise import api
from integrations.connectwise.simulator import world as simulated
from integrations.errors import UnreachableError
from integrations.registry import provider

pytestmark = pytest.mark.integration

NOON = datetime(2026, 6, 2, 12, tzinfo=UTC)


class Clock:
    """The simulator's; a second passes whenever a test says so."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def tick(self) -> None:
        self.now += timedelta(seconds=1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(simulated, "_now", made)
    return made


@pytest.fixture
def client(simulator):
    return provider("connectwise").client(simulator.link())


def made(simulator, clock: Clock, count: int) -> list[str]:
    tickets = []
    for _ in range(count):
        clock.tick()
        tickets.append(simulator.create_ticket())
    return tickets


def ids(found) -> list[str]:
    return [ticket.ticket_id for ticket in found]


def test_tickets_changed_since_a_moment_come_the_longest_unchanged_first(simulator, client, clock):
    first, second, third = made(simulator, clock, 3)
    clock.tick()
    simulator.set_status(first, "In Progress")
    assert ids(client.changed_since(NOON + timedelta(seconds=2))) == [second, third, first]
    assert ids(client.changed_since(clock.now + timedelta(seconds=1))) == []


def test_a_new_note_changes_its_ticket_and_its_version(simulator, client, clock):
    [ticket_id] = made(simulator, clock, 1)
    [before] = client.changed_since(NOON)
    clock.tick()
    simulator.add_note(ticket_id, "yes")
    [after] = client.changed_since(NOON)
    assert (before.version, after.version) == ("2026-06-02T12:00:01Z", "2026-06-02T12:00:02Z")


def test_a_ticket_saved_while_the_list_is_read_hides_no_other_one(simulator, client, clock, monkeypatch):
    monkeypatch.setattr(api, "PAGE_SIZE", 2)
    tickets = made(simulator, clock, 5)
    found = []
    for number, ticket in enumerate(client.changed_since(NOON)):
        found.append(ticket.ticket_id)
        if number == 1:  # the first page is read; both of its tickets move to the end of the list
            clock.tick()
            simulator.set_status(tickets[0], "In Progress")
            simulator.set_status(tickets[1], "In Progress")
    assert set(found) == set(tickets)


def test_more_tickets_of_one_second_than_a_page_holds_are_all_listed_once(simulator, client, monkeypatch):
    monkeypatch.setattr(simulated, "_now", lambda: NOON)
    monkeypatch.setattr(api, "PAGE_SIZE", 2)
    tickets = [simulator.create_ticket() for _ in range(5)]
    assert ids(client.changed_since(NOON)) == tickets


def test_a_list_that_is_cut_off_is_unreachable(simulator, client, clock):
    made(simulator, clock, 1)
    simulator.fault("status", status=200, body=[{"id": 7, "_info": {}}])
    with pytest.raises(UnreachableError, match="without the time"):
        list(client.changed_since(NOON))


def test_a_ticket_shows_the_version_that_is_listed_for_it(simulator, client, clock):
    (ticket_id,) = made(simulator, clock, 1)
    clock.tick()
    simulator.add_note(ticket_id, "rebooted")
    (listed,) = client.changed_since(NOON)
    assert client.ticket(ticket_id).version == listed.version
