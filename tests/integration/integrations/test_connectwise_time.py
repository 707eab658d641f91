"""Time entries in ConnectWise: written once, found again, mailed to nobody."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from integrations.errors import AmbiguousError, RejectedError
from integrations.ports import TimePush
from integrations.registry import provider

pytestmark = pytest.mark.integration

START = datetime(2026, 6, 2, 14, 0, 0, tzinfo=UTC)


@pytest.fixture
def client(simulator):
    return provider("connectwise").client(simulator.link())


def push(ticket_id: str, text: str = "walked [tw:1]", member: str = "jdoe") -> TimePush:
    return TimePush("entry-1", ticket_id, member, START, START + timedelta(minutes=15), text)


def send(client, ticket_id: str, text: str = "walked [tw:1]") -> str:
    return str(client.send_time(push(ticket_id, text), client.prepare_time(push(ticket_id, text))))


def test_a_time_entry_names_the_technician_and_mails_nobody(simulator, client):
    ticket_id = simulator.create_ticket()
    entry_id = send(client, ticket_id)
    [entry] = simulator.time_entries(ticket_id)
    assert str(entry["id"]) == entry_id
    assert (entry["member"]["identifier"], entry["actualHours"]) == ("jdoe", 0.25)
    assert (entry["timeStart"], entry["timeEnd"]) == ("2026-06-02T14:00:00Z", "2026-06-02T14:15:00Z")
    flags = [name for name in entry if name.startswith(("email", "addTo"))]
    assert len(flags) == 6
    assert not any(entry[name] for name in flags)
    assert simulator.notes(ticket_id) == []


def test_other_time_zones_are_written_as_utc(client):
    east = timezone(timedelta(hours=2))
    entry = TimePush("e", "1", "jdoe", START.astimezone(east), START.astimezone(east), "x")
    assert b'"timeStart":"2026-06-02T14:00:00Z"' in client.prepare_time(entry)


def test_equal_pushes_have_equal_bodies(client):
    assert client.prepare_time(push("1")) == client.prepare_time(push("1"))


def test_marked_time_entries_are_found_oldest_first_on_their_own_ticket(simulator, client):
    ticket_id, other = simulator.create_ticket(), simulator.create_ticket()
    marked = [send(client, ticket_id), send(client, ticket_id)]
    send(client, ticket_id, "another [tw:2]")
    send(client, other)
    assert client.find_time(ticket_id, "[tw:1]") == marked
    assert client.find_time(ticket_id, "[tw:9]") == []


def test_a_time_entry_whose_answer_is_lost_is_ambiguous_and_is_there(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.fault("lost_answer", method="POST", path="*/time/entries")
    with pytest.raises(AmbiguousError):
        send(client, ticket_id)
    assert len(client.find_time(ticket_id, "[tw:1]")) == 1
    assert len(simulator.requests("POST", "/time/entries")) == 1


def test_a_member_that_connectwise_does_not_know_is_refused(simulator, client):
    ticket_id = simulator.create_ticket()
    unknown = push(ticket_id, member="nobody")
    with pytest.raises(RejectedError, match="member does not exist"):
        client.send_time(unknown, client.prepare_time(unknown))


@pytest.mark.parametrize(
    "change",
    [
        {"chargeToType": "Ticket"},
        {"chargeToId": "7"},
        {"chargeToId": 999_999},
        {"timeStart": None},
        {"timeStart": "2026-06-02T14:00:00+02:00"},
        {"timeEnd": "2026-06-02T13:00:00Z"},
        {"timeEnd": None},
        {"member": "jdoe"},
        {"billableOption": "Maybe"},
        {"note": "x"},
    ],
    ids=str,
)
def test_a_time_entry_of_another_shape_is_refused(simulator, client, change):
    ticket_id = simulator.create_ticket()
    body = {**json.loads(client.prepare_time(push(ticket_id))), **change}
    with pytest.raises(RejectedError, match="HTTP 40"):
        client.send_time(push(ticket_id), json.dumps(body).encode())
    assert simulator.time_entries(ticket_id) == []
