"""What HaloPSA's client writes: notes, statuses, time entries."""

import pytest

from integrations.errors import AmbiguousError, RejectedError, UnreachableError
from integrations.halopsa import HaloPsa
from integrations.ports import NotePurpose
from tests.integration.integrations.halopsa.calls import ACTIONS, posted, push, send, worked

pytestmark = pytest.mark.integration


def test_a_sent_note_is_hidden_and_mails_nobody(simulator, client):
    ticket_id = simulator.create_ticket()
    note_id = send(client, ticket_id)
    [note] = simulator.notes(ticket_id)
    assert note_id == f"{ticket_id}-{note.id}"
    assert (note.hidden, note.mailed, note.outcome) == (True, False, "Private Note")


def test_a_note_for_the_customer_is_shown_and_mails_nobody(simulator, client):
    ticket_id = simulator.create_ticket()
    note = push(ticket_id, purpose=NotePurpose.CUSTOMER)
    client.send_note(note, client.prepare_note(note))
    [written] = simulator.notes(ticket_id)
    assert (written.hidden, written.mailed) == (False, False)


def test_a_note_is_shown_as_it_was_written(simulator, client):
    ticket_id = simulator.create_ticket()
    text = "1 < 2 & <script>alert(1)</script>\nnext line\n\nnext paragraph [tw:1]"
    send(client, ticket_id, text)
    assert simulator.note_texts(ticket_id) == [text]


def test_the_outcome_is_the_one_that_the_connection_names(simulator):
    client = HaloPsa().client(simulator.link(outcome_id="16"))
    ticket_id = simulator.create_ticket()
    send(client, ticket_id)
    assert simulator.notes(ticket_id)[0].outcome == "Email User"


def test_an_outcome_that_the_agent_may_not_use_is_refused_with_what_to_do(simulator):
    client = HaloPsa().client(simulator.link(outcome_id="23"))
    ticket_id = simulator.create_ticket()
    with pytest.raises(
        RejectedError, match=r"You do not have access to this Action.*set the credential outcome_id"
    ):
        send(client, ticket_id)
    assert simulator.notes(ticket_id) == []


@pytest.mark.parametrize("returned", ["object", "array"])
def test_the_answer_to_a_note_may_be_an_object_or_an_array(simulator, client, returned):
    written = {"id": 5, "ticket_id": 10233}
    simulator.create_ticket()
    simulator.fault(
        "status", method="POST", path=ACTIONS, status=201, body=[written] if returned == "array" else written
    )
    assert send(client, "10233") == "10233-5"


@pytest.mark.parametrize(
    "body",
    [
        {"ticket_id": 10233, "outcome_id": 7, "note_html": "an object where an array is due"},
        [{"outcome_id": 7, "note_html": "no ticket"}],
        [{"ticket_id": 10233, "note_html": "no outcome"}],
        [{"ticket_id": 10233, "outcome_id": 99, "note_html": "no such outcome"}],
        [{"ticket_id": "10233", "outcome_id": 7, "note_html": "a text where a number is due"}],
        [{"ticket_id": 10233, "outcome_id": 7, "noteHtml": "misspelt"}],
        [{"ticket_id": 10233, "outcome_id": 7, "hiddenfromuser": "true"}],
        [{"ticket_id": 10233, "outcome_id": 7, "timetaken": "0.5"}],
        [],
        "text",
    ],
)
def test_an_action_with_wrong_names_or_types_is_refused(simulator, client, body):
    ticket_id = simulator.create_ticket()
    with pytest.raises(RejectedError, match="400"):
        posted(client, ticket_id, body)
    assert simulator.notes(ticket_id) == []


def test_marked_notes_are_found_oldest_first(simulator, client):
    ticket_id = simulator.create_ticket()
    marked = [send(client, ticket_id), send(client, ticket_id)]
    simulator.add_note(ticket_id, "another [tw:2]")
    assert client.find_note(ticket_id, "[tw:1]") == marked
    assert client.find_note(ticket_id, "[tw:9]") == []


def test_a_marker_is_found_where_only_the_html_has_it(simulator, client):
    actions = [{"id": 3, "note": "", "note_html": "<p>x &#91;tw:1]</p>"}, {"id": 2, "note": "[tw:1]"}]
    body = {"record_count": 2, "actions": actions}
    simulator.fault("status", method="GET", path=ACTIONS, status=200, body=body)
    assert client.find_note("10233", "[tw:1]") == ["10233-2", "10233-3"]


def test_a_status_is_set_by_name(simulator, client):
    ticket_id = simulator.create_ticket()
    client.set_status(ticket_id, "in progress")
    assert simulator.status_of(ticket_id) == "In Progress"


def test_setting_the_status_it_already_has_writes_nothing(simulator, client):
    client.set_status(simulator.create_ticket(), "New")
    assert simulator.requests("POST", "/Tickets") == []


def test_an_unknown_status_is_rejected_with_the_names_there_are(simulator, client):
    with pytest.raises(RejectedError, match="no status Solved; it has: New, In Progress"):
        client.set_status(simulator.create_ticket(), "Solved")


def test_a_status_that_was_answered_but_not_taken_is_tried_again(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.fault("status", method="POST", path="*/Tickets", status=200, body={})
    with pytest.raises(UnreachableError, match="has not taken the status"):
        client.set_status(ticket_id, "Escalated")


@pytest.mark.parametrize("kind", ["lost_answer", "reset"])
def test_a_lost_answer_to_a_status_may_simply_be_tried_again(simulator, client, kind):
    ticket_id = simulator.create_ticket()
    simulator.fault(kind, method="POST", path="*/Tickets")
    with pytest.raises(UnreachableError):
        client.set_status(ticket_id, "Escalated")
    client.set_status(ticket_id, "Escalated")
    assert simulator.status_of(ticket_id) == "Escalated"


def test_a_time_entry_stands_in_the_technicians_name_with_hours_and_both_ends(simulator, client):
    ticket_id = simulator.create_ticket()
    time_id = client.send_time(worked(ticket_id), client.prepare_time(worked(ticket_id)))
    [entry] = simulator.time_entries(ticket_id)
    assert time_id == f"{ticket_id}-{entry['id']}"
    assert (entry["who"], entry["who_agentid"], entry["timetaken"]) == ("Jane Doe", 17, 0.5)
    assert entry["actionarrivaldate"] == "2026-08-11T09:00:00.000Z"
    assert entry["actioncompletiondate"] == "2026-08-11T09:30:00.000Z"
    assert client.find_time(ticket_id, "[tw:2]") == [time_id]


def test_our_own_time_entry_is_no_note_of_the_technician(simulator, client):
    ticket_id = simulator.create_ticket()
    client.send_time(worked(ticket_id), client.prepare_time(worked(ticket_id)))
    assert [note.own for note in client.notes(ticket_id)] == [True]
    assert simulator.note_texts(ticket_id) == []


@pytest.mark.parametrize(
    ("member", "words"),
    [("999", "has no agent 999"), ("jdoe", "the agent's number"), ("", "the agent's number")],
)
def test_a_time_entry_of_an_unknown_agent_is_rejected_before_it_is_sent(simulator, client, member, words):
    ticket_id = simulator.create_ticket()
    with pytest.raises(RejectedError, match=words):
        client.prepare_time(worked(ticket_id, member))


def test_a_time_entry_whose_answer_is_lost_is_ambiguous_and_is_there(simulator, client):
    ticket_id = simulator.create_ticket()
    body = client.prepare_time(worked(ticket_id))
    simulator.fault("lost_answer", method="POST", path=ACTIONS)
    with pytest.raises(AmbiguousError):
        client.send_time(worked(ticket_id), body)
    assert len(client.find_time(ticket_id, "[tw:2]")) == 1
