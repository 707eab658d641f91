"""What is written to Autotask: notes, statuses, time."""

import pytest

from integrations.autotask import Autotask
from integrations.errors import AmbiguousError, RejectedError, UnreachableError
from integrations.ports import (
    NotePurpose,
)
from tests.integration.integrations.autotask.calls import push, send, time_push

pytestmark = pytest.mark.integration


def test_a_sent_note_is_internal_and_named_for_its_purpose(simulator, client):
    ticket_id = simulator.create_ticket()
    note_id = send(client, ticket_id)
    [note] = simulator.notes(ticket_id)
    assert str(note["id"]) == note_id
    assert (note["publish"], note["noteType"], note["title"]) == (2, 3, "Resolution")


def test_a_note_for_the_customer_is_published(simulator, client):
    ticket_id = simulator.create_ticket()
    to_customer = push(ticket_id, purpose=NotePurpose.CUSTOMER)
    client.send_note(to_customer, client.prepare_note(to_customer))
    assert simulator.notes(ticket_id)[0]["publish"] == 1


def test_marked_notes_are_found_oldest_first(simulator, client):
    ticket_id = simulator.create_ticket()
    marked = [send(client, ticket_id), send(client, ticket_id)]
    simulator.add_note(ticket_id, "another [tw:2]")
    send(client, simulator.create_ticket())
    assert client.find_note(ticket_id, "[tw:1]") == marked
    assert client.find_note(ticket_id, "[tw:9]") == []


def test_a_status_is_set_by_name_on_the_collection_and_read_back(simulator, client):
    ticket_id = simulator.create_ticket()
    client.set_status(ticket_id, "in progress")
    assert simulator.status_of(ticket_id) == "In Progress"
    [patch] = simulator.requests("PATCH")
    assert patch.path.endswith("/Tickets")


def test_setting_the_status_it_already_has_writes_nothing(simulator, client):
    ticket_id = simulator.create_ticket()
    client.set_status(ticket_id, "New")
    assert simulator.requests("PATCH") == []


def test_an_unknown_status_is_rejected_with_those_there_are(simulator, client):
    with pytest.raises(RejectedError, match="no status Solved; it has: New, Complete"):
        client.set_status(simulator.create_ticket(), "Solved")


def test_a_retired_status_is_not_offered(simulator, client):
    with pytest.raises(RejectedError, match="no status Retired"):
        client.set_status(simulator.create_ticket(), "Retired")


def test_the_status_of_a_missing_ticket_is_rejected(client):
    with pytest.raises(RejectedError, match="no ticket 999999"):
        client.set_status("999999", "Escalated")


def test_a_status_that_was_answered_but_not_taken_is_tried_again(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.fault("status", method="PATCH", status=200, body={"itemId": 1})
    with pytest.raises(UnreachableError, match="has not taken the status"):
        client.set_status(ticket_id, "Escalated")


@pytest.mark.parametrize("kind", ["lost_answer", "reset"])
def test_a_lost_answer_to_a_status_may_simply_be_tried_again(simulator, client, kind):
    ticket_id = simulator.create_ticket()
    simulator.fault(kind, method="PATCH")
    with pytest.raises(UnreachableError):
        client.set_status(ticket_id, "Escalated")
    client.set_status(ticket_id, "Escalated")
    assert simulator.status_of(ticket_id) == "Escalated"


@pytest.mark.parametrize("member", ["jdoe", "jdoe@acme.example", "29682885"])
def test_time_is_entered_for_the_technician_however_named(simulator, client, member):
    ticket_id = simulator.create_ticket()
    body = client.prepare_time(time_push(ticket_id, member))
    entry_id = client.send_time(time_push(ticket_id, member), body)
    [entry] = simulator.time_entries(ticket_id)
    assert str(entry["id"]) == entry_id
    assert (entry["resourceID"], entry["hoursWorked"]) == (29682885, 0.5)
    assert client.find_time(ticket_id, "[tw:2]") == [entry_id]
    assert client.find_time(ticket_id, "[tw:9]") == []


def test_time_of_a_technician_that_autotask_does_not_know_is_rejected(simulator, client):
    with pytest.raises(RejectedError, match="no resource nobody: check the user's --psa-member"):
        client.prepare_time(time_push(simulator.create_ticket(), "nobody"))


def test_time_without_a_role_is_rejected_with_what_to_do(simulator):
    client = Autotask().client(simulator.link(time_role_id=""))
    with pytest.raises(RejectedError, match="give the connection the credential time_role_id"):
        client.prepare_time(time_push(simulator.create_ticket()))


def test_time_under_a_role_that_the_technician_does_not_have_is_rejected(simulator):
    client = Autotask().client(simulator.link(time_role_id="99999999"))
    pushed = time_push(simulator.create_ticket())
    with pytest.raises(RejectedError, match="roleID of type: Role does not exist"):
        client.send_time(pushed, client.prepare_time(pushed))


@pytest.mark.parametrize("kind", ["lost_answer", "reset"])
def test_time_whose_answer_is_lost_is_ambiguous(simulator, client, kind):
    pushed = time_push(simulator.create_ticket())
    body = client.prepare_time(pushed)
    simulator.fault(kind, method="POST", path="*/TimeEntries")
    with pytest.raises(AmbiguousError):
        client.send_time(pushed, body)
    assert len(client.find_time(pushed.ticket_id, "[tw:2]")) == (kind == "lost_answer")
