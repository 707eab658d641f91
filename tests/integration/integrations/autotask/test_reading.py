"""What Autotask shows is read as it is: tickets, notes, changes, and what a check says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integrations.autotask import Autotask
from integrations.autotask.api import MAX_RECORDS
from integrations.errors import RejectedError, UnreachableError
from integrations.ports import (
    ChangedTicket,
    PsaTicket,
)
from tests.integration.integrations.autotask.calls import searches, send

pytestmark = pytest.mark.integration


def test_check_says_what_answered_and_how_much_of_the_quota_is_used(simulator, client):
    simulator.parts.usage.pretend(40)
    assert "let tickets be read; the tenant used 42 of its 10000 requests an hour" in client.check()


@pytest.mark.parametrize("wrong", [{"secret": "wrong"}, {"integration_code": "other"}])
def test_check_with_wrong_credentials_is_rejected_in_the_providers_words(simulator, wrong):
    with pytest.raises(RejectedError, match=r"401: Unauthorized\. Please check your credentials"):
        Autotask().client(simulator.link(**wrong)).check()


def test_check_with_an_unknown_user_says_so(simulator):
    with pytest.raises(RejectedError, match="knows no API user of that name"):
        Autotask().client(simulator.link(username="nobody@acme.example")).check()


def test_a_ticket_is_read_with_names_instead_of_ids(simulator, client):
    ticket_id = simulator.create_ticket(
        "VPN down", board="Network", type="Incident", priority="High", company="Globex", assigned_to="asmith"
    )
    assert replace(client.ticket(ticket_id), version=None) == PsaTicket(
        ticket_id=ticket_id,
        summary="VPN down",
        status="New",
        closed=False,
        board="Network",
        type="Incident",
        priority="High",
        company="Globex",
        assigned_to="asmith",
    )


def test_a_completed_ticket_is_closed(simulator, client):
    ticket_id = simulator.create_ticket(status="Complete")
    ticket = client.ticket(ticket_id)
    assert ticket is not None
    assert (ticket.status, ticket.closed, ticket.merged_into) == ("Complete", True, None)


def test_a_merged_ticket_names_the_one_that_took_its_place(simulator, client):
    source, into = simulator.create_ticket("one"), simulator.create_ticket("two")
    simulator.merge_ticket(source, into)
    merged, standing = client.ticket(source), client.ticket(into)
    assert merged is not None
    assert standing is not None
    assert (merged.closed, merged.merged_into, standing.merged_into) == (True, into, None)


@pytest.mark.parametrize("ticket_id", ["999999", "abc", "", "-1", "7/notes", "\u0667", "9" * 40])
def test_a_ticket_that_is_not_there_is_none(client, ticket_id):
    assert client.ticket(ticket_id) is None


def test_a_deleted_ticket_is_none(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.delete_ticket(ticket_id)
    assert client.ticket(ticket_id) is None


def test_a_wrong_path_is_not_mistaken_for_a_missing_ticket(simulator, warm):
    simulator.fault("status", status=404, body={"Message": "No HTTP resource was found."})
    with pytest.raises(RejectedError, match="No HTTP resource"):
        warm.ticket("120345")


def test_names_are_asked_for_once_and_again_for_a_value_that_is_new(simulator, client):
    client.ticket(simulator.create_ticket(board="Network"))
    client.ticket(simulator.create_ticket(board="Network"))
    assert len(simulator.requests("GET", "entityInformation")) == 1
    ticket = client.ticket(simulator.create_ticket(board="Projects"))
    assert ticket is not None
    assert ticket.board == "Projects"
    assert len(simulator.requests("GET", "entityInformation")) == 2


def test_names_of_one_connection_are_not_anothers(simulator):
    provider = Autotask()
    ticket_id = simulator.create_ticket()
    provider.client(simulator.link("connection-1")).ticket(ticket_id)
    provider.client(simulator.link("connection-2")).ticket(ticket_id)
    assert len(simulator.requests("GET", "entityInformation")) == 2
    assert len(simulator.requests("GET", "zoneInformation")) == 2


def test_notes_come_oldest_first_with_author_and_own(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.add_note(ticket_id, "yes", member="asmith")
    simulator.add_note(ticket_id, "still broken", contact="Bob")
    send(client, ticket_id)
    found = [(note.text, note.author, note.own) for note in client.notes(ticket_id)]
    assert found == [
        ("yes", "asmith", False),
        ("still broken", None, False),
        ("done [tw:1]", "ticketwalk", True),
    ]


def test_notes_of_the_system_are_left_out(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.add_note(ticket_id, "Workflow rule fired", note_type=13)
    simulator.add_note(ticket_id, "Notification sent", member="Autotask Administrator", note_type=1)
    simulator.add_note(ticket_id, "yes")
    simulator.merge_ticket(simulator.create_ticket(), ticket_id)
    assert [note.text for note in client.notes(ticket_id)] == ["yes"]


def test_notes_of_another_ticket_are_left_out(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.add_note(simulator.create_ticket(), "elsewhere")
    assert client.notes(ticket_id) == []
    assert '"field":"ticketID"' in searches(simulator)[-1]


def test_notes_after_an_id_are_the_newer_ones_only(simulator, client):
    ticket_id = simulator.create_ticket()
    first = simulator.add_note(ticket_id, "one")
    simulator.add_note(ticket_id, "two")
    assert [note.text for note in client.notes(ticket_id, after_id=first)] == ["two"]


def test_notes_are_read_to_the_last_page(simulator, client):
    ticket_id = simulator.create_ticket()
    for number in range(MAX_RECORDS + 3):
        simulator.add_note(ticket_id, str(number))
    assert [note.text for note in client.notes(ticket_id)] == [str(n) for n in range(MAX_RECORDS + 3)]
    assert len(simulator.requests("GET", "/TicketNotes/query/next")) == 1


@pytest.mark.parametrize(
    "url", ["https://evil.example/next", "//evil.example/next", 7, "http://127.0.0.1:1/x"]
)
def test_a_next_page_elsewhere_is_never_asked_with_the_credentials(simulator, warm, url):
    page = {"items": [], "pageDetails": {"nextPageUrl": url}}
    simulator.fault("status", path="*/TicketNotes/query", status=200, body=page)
    with pytest.raises(UnreachableError, match="not in the connection's zone"):
        warm.notes("120345")


def test_changed_tickets_come_longest_unchanged_first(simulator, client):
    before = datetime.now(UTC) - timedelta(minutes=5)
    first, second = simulator.create_ticket(), simulator.create_ticket()
    simulator.add_note(first, "yes")
    changes = list(client.changed_since(before))
    assert [change.ticket_id for change in changes] == [second, first]
    simulator.add_note(first, "no")
    again = {change.ticket_id: change for change in client.changed_since(before)}
    assert again[first] != changes[1]
    assert again[second] == changes[0] == ChangedTicket(second, again[second].version)
    assert list(client.changed_since(datetime.now(UTC) + timedelta(minutes=5))) == []


def test_a_ticket_shows_the_version_that_is_listed_for_it(simulator, client):
    # two: the moment of one may be a whole second, which is no version
    tickets = [simulator.create_ticket(), simulator.create_ticket()]
    for ticket_id in tickets:
        simulator.add_note(ticket_id, "rebooted")
    listed = {change.version for change in client.changed_since(datetime.now(UTC) - timedelta(minutes=5))}
    shown = {client.ticket(ticket_id).version for ticket_id in tickets} - {None}
    assert shown
    assert shown <= listed
