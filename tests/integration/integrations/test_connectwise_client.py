"""The ConnectWise client against the simulator, over real HTTP."""

import json
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from integrations.connectwise.api import PAGE_SIZE
from integrations.connectwise.client import ConnectWiseClient
from integrations.errors import AmbiguousError, CallError, RejectedError, ThrottledError, UnreachableError
from integrations.ports import NotePurpose, NotePush, PsaClient, PsaTicket
from integrations.registry import provider

pytestmark = pytest.mark.integration

NOTES = "*/notes"


@pytest.fixture
def client(simulator):
    return provider("connectwise").client(simulator.link())


def push(ticket_id: str, text: str = "done [tw:1]") -> NotePush:
    return NotePush("entry-1", ticket_id, NotePurpose.RESOLUTION, text, {})


def send(client: PsaClient, ticket_id: str, text: str = "done [tw:1]") -> str:
    return client.send_note(push(ticket_id, text), client.prepare_note(push(ticket_id, text)))


def test_check_says_what_answered(client):
    assert "company acme may read tickets" in client.check()


@pytest.mark.parametrize("wrong", [{"private_key": "wrong-key"}, {"company": "other"}, {"public_key": "x"}])
def test_check_with_wrong_credentials_is_rejected_in_the_providers_words(simulator, wrong):
    with pytest.raises(RejectedError, match=r"401.*Unauthorized: The authorization is invalid"):
        ConnectWiseClient(simulator.link(**wrong)).check()


def test_a_ticket_is_read_with_names_instead_of_ids(simulator, client):
    ticket_id = simulator.create_ticket(
        "VPN down", board="Network", type="Incident", priority="P1", company="Globex", assigned_to="asmith"
    )
    assert replace(client.ticket(ticket_id), version=None) == PsaTicket(
        ticket_id=ticket_id,
        summary="VPN down",
        status="New",
        closed=False,
        board="Network",
        type="Incident",
        priority="P1",
        company="Globex",
        assigned_to="asmith",
    )


@pytest.mark.parametrize("ticket_id", ["999999", "abc", "", "-1", "7/notes", "\u0667", "9" * 40])
def test_a_ticket_that_is_not_there_is_none(client, ticket_id):
    assert client.ticket(ticket_id) is None


def test_a_wrong_path_is_not_mistaken_for_a_missing_ticket(simulator, client):
    body = {"code": "ConnectWiseApi", "message": "The endpoint does not exist."}
    simulator.fault("status", status=404, body=body)
    with pytest.raises(RejectedError, match="endpoint does not exist"):
        client.ticket("48213")


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


def test_notes_after_an_id_are_the_newer_ones_only(simulator, client):
    ticket_id = simulator.create_ticket()
    first = simulator.add_note(ticket_id, "one")
    simulator.add_note(ticket_id, "two")
    assert [note.text for note in client.notes(ticket_id, after_id=first)] == ["two"]


def test_notes_are_read_to_the_last_page(simulator, client):
    ticket_id = simulator.create_ticket()
    for number in range(PAGE_SIZE + 3):
        simulator.add_note(ticket_id, str(number))
    assert [note.text for note in client.notes(ticket_id)] == [str(n) for n in range(PAGE_SIZE + 3)]


def test_a_sent_note_is_internal_resolution_and_mails_nobody(simulator, client):
    ticket_id = simulator.create_ticket()
    note_id = send(client, ticket_id)
    note = simulator.notes(ticket_id)[0]
    assert str(note["id"]) == note_id
    assert note["resolutionFlag"] is True
    assert not any(note[flag] for flag in ("detailDescriptionFlag", "internalAnalysisFlag"))
    assert note["processNotifications"] is False


def test_a_note_for_the_customer_stands_in_the_discussion_and_mails_nobody(simulator, client):
    ticket_id = simulator.create_ticket()
    note = replace(push(ticket_id), purpose=NotePurpose.CUSTOMER)
    client.send_note(note, client.prepare_note(note))
    found = simulator.notes(ticket_id)[0]
    flags = ("detailDescriptionFlag", "internalAnalysisFlag", "resolutionFlag", "processNotifications")
    assert [found[flag] for flag in flags] == [True, False, False, False]


@pytest.mark.parametrize("purpose", [NotePurpose.HANDOFF, NotePurpose.INTERNAL, NotePurpose.RESOLUTION])
def test_no_other_note_is_shown_to_the_customer(simulator, client, purpose):
    ticket_id = simulator.create_ticket()
    note = replace(push(ticket_id), purpose=purpose)
    client.send_note(note, client.prepare_note(note))
    assert simulator.notes(ticket_id)[0]["detailDescriptionFlag"] is False


def test_marked_notes_are_found_oldest_first(simulator, client):
    ticket_id = simulator.create_ticket()
    marked = [send(client, ticket_id), send(client, ticket_id)]
    simulator.add_note(ticket_id, "another [tw:2]")
    assert client.find_note(ticket_id, "[tw:1]") == marked
    assert client.find_note(ticket_id, "[tw:9]") == []


@pytest.mark.parametrize("board", ["Help Desk", "Network"])
def test_a_status_is_set_by_name_on_the_tickets_own_board(simulator, client, board):
    ticket_id = simulator.create_ticket(board=board)
    client.set_status(ticket_id, "in progress")
    assert simulator.ticket(ticket_id)["status"]["name"] == "In Progress"


def test_setting_the_status_it_already_has_writes_nothing(simulator, client):
    ticket_id = simulator.create_ticket()
    client.set_status(ticket_id, "New")
    assert simulator.requests("PATCH") == []


def test_an_unknown_status_is_rejected_with_the_boards_names(simulator, client):
    ticket_id = simulator.create_ticket()
    with pytest.raises(RejectedError, match="no status Solved; it has: New, In Progress"):
        client.set_status(ticket_id, "Solved")


def test_a_retired_status_is_not_offered(simulator, client):
    with pytest.raises(RejectedError, match="no status Retired"):
        client.set_status(simulator.create_ticket(), "Retired")


def test_a_status_that_was_answered_but_not_taken_is_tried_again(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.fault("status", method="PATCH", status=200, body={})
    with pytest.raises(UnreachableError, match="has not taken the status"):
        client.set_status(ticket_id, "Escalated")


@pytest.mark.parametrize("kind", ["lost_answer", "reset"])
def test_a_lost_answer_to_a_status_may_simply_be_tried_again(simulator, client, kind):
    ticket_id = simulator.create_ticket()
    simulator.fault(kind, method="PATCH")
    with pytest.raises(UnreachableError):
        client.set_status(ticket_id, "Escalated")
    client.set_status(ticket_id, "Escalated")
    assert simulator.ticket(ticket_id)["status"]["name"] == "Escalated"


def test_a_note_whose_answer_is_lost_is_ambiguous_and_is_there(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.fault("lost_answer", method="POST", path=NOTES)
    with pytest.raises(AmbiguousError):
        send(client, ticket_id)
    assert len(client.find_note(ticket_id, "[tw:1]")) == 1


def test_a_note_reset_before_it_was_done_is_ambiguous_and_is_not_there(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.fault("reset", method="POST", path=NOTES)
    with pytest.raises(AmbiguousError):
        send(client, ticket_id)
    assert simulator.notes(ticket_id) == []


@pytest.mark.parametrize("status", [408, 500, 502, 504])
def test_a_note_answered_with_an_unclear_status_is_ambiguous(simulator, client, status):
    ticket_id = simulator.create_ticket()
    timeout = {"code": "ConnectWiseApi", "message": "A timeout has occured. Please try again."}
    simulator.fault("status", method="POST", path=NOTES, status=status, body=timeout, apply=True)
    with pytest.raises(AmbiguousError, match=f"HTTP {status}: ConnectWiseApi: A timeout"):
        send(client, ticket_id)


def test_words_that_say_nothing_was_done_decide_against_the_status(simulator, client):
    ticket_id = simulator.create_ticket()
    refusal = {"code": "Security", "message": "SSL is required."}
    simulator.fault("status", method="POST", path=NOTES, status=500, body=refusal)
    with pytest.raises(RejectedError, match="SSL is required"):
        send(client, ticket_id)


@pytest.mark.parametrize("body", ["<html>ok</html>", "[]", '{"id": "x"}', "{}", ""])
def test_a_note_answered_unreadably_is_ambiguous(simulator, client, body):
    ticket_id = simulator.create_ticket()
    simulator.fault("status", method="POST", path=NOTES, status=201, body=body, apply=True)
    with pytest.raises(AmbiguousError):
        send(client, ticket_id)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "lost_answer"},
        {"kind": "reset"},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 502},
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 409},
    ],
)
def test_a_write_is_never_sent_twice(simulator, client, fault):
    ticket_id = simulator.create_ticket()
    simulator.fault(method="POST", path=NOTES, **fault)
    with pytest.raises(CallError):
        send(client, ticket_id)
    assert len(simulator.requests("POST", "/notes")) == 1


def test_a_note_refused_for_good_carries_the_providers_words(simulator, client):
    ticket_id = simulator.create_ticket()
    with pytest.raises(RejectedError, match="Please choose where to display the notes"):
        client.send_note(push(ticket_id), json.dumps({"text": "no flag"}).encode())


def test_a_note_for_a_missing_ticket_is_rejected(client):
    with pytest.raises(RejectedError, match="404"):
        send(client, "999999")


def test_a_record_in_use_is_transient(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.fault("status", method="POST", path=NOTES, status=409)
    with pytest.raises(UnreachableError):
        send(client, ticket_id)


@pytest.mark.parametrize("status", [429, 503])
def test_throttling_carries_its_seconds(simulator, client, status):
    ticket_id = simulator.create_ticket()
    simulator.fault("status", status=status, retry_after=7)
    with pytest.raises(ThrottledError) as throttled:
        send(client, ticket_id)
    assert throttled.value.retry_after == timedelta(seconds=7)


def test_throttling_without_a_header_waits_thirty_seconds(simulator, client):
    simulator.fault("status", status=429)
    with pytest.raises(ThrottledError) as throttled:
        client.check()
    assert throttled.value.retry_after == timedelta(seconds=30)


def test_throttling_may_name_a_date(simulator, client):
    until = datetime.now(UTC) + timedelta(seconds=120)
    simulator.fault("status", status=429, retry_after=format_datetime(until, usegmt=True))
    with pytest.raises(ThrottledError) as throttled:
        client.check()
    assert timedelta(seconds=100) < throttled.value.retry_after <= timedelta(seconds=120)


@pytest.mark.parametrize("kind", ["lost_answer", "reset"])
def test_a_read_that_lost_its_connection_is_asked_once_more(simulator, client, kind):
    ticket_id = simulator.create_ticket()
    simulator.fault(kind, method="GET")
    assert client.ticket(ticket_id) is not None


def test_a_read_that_fails_twice_is_unreachable(simulator, client):
    simulator.fault("reset", method="GET", times=2)
    with pytest.raises(UnreachableError):
        client.check()
    assert len(simulator.requests("GET")) == 2


@pytest.mark.parametrize("body", ["<html>", "{", '{"id": 7}', "[1", "{}"])
def test_a_read_that_cannot_be_understood_is_unreachable(simulator, client, body):
    simulator.fault("status", status=200, body=body)
    with pytest.raises(UnreachableError):
        client.ticket("48213")


def test_a_redirect_is_not_followed(simulator, client):
    simulator.fault("status", status=302)
    with pytest.raises(RejectedError, match="redirects are not followed"):
        client.check()


def test_a_port_where_nobody_listens_is_unreachable_also_for_a_note(simulator, unused_port):
    link = simulator.link()
    dead = type(link)("c", f"http://127.0.0.1:{unused_port}", link.credentials, allow_private_hosts=True)
    client = ConnectWiseClient(dead)
    with pytest.raises(UnreachableError, match="refused"):
        client.check()
    with pytest.raises(UnreachableError, match="refused"):
        send(client, "48213")


def test_a_loopback_address_is_rejected_where_private_hosts_are_not_allowed(simulator):
    link = simulator.link()
    strict = type(link)("c", link.base_url.replace("http:", "https:"), link.credentials)
    with pytest.raises(RejectedError, match="private or reserved"):
        ConnectWiseClient(strict).check()
    assert simulator.requests() == []


def test_a_host_that_does_not_exist_is_unreachable(simulator):
    link = simulator.link()
    lost = type(link)("c", "https://psa.invalid", link.credentials)
    with pytest.raises(UnreachableError, match="host name was not found"):
        send(ConnectWiseClient(lost), "48213")


@pytest.mark.parametrize("status", [400, 401, 403, 409, 429, 500])
def test_no_secret_is_in_any_error_text_or_repr(simulator, status):
    secrets = {"public_key": "pubkey-9183", "private_key": "privkey-7741", "client_id": "client-5520"}
    link = simulator.link(**secrets)
    client = ConnectWiseClient(link)
    echo = {"code": "x", "message": f"bad {secrets} at https://psa.example.com/x?token=query-6611"}
    simulator.fault("status", status=status, body=echo)
    with pytest.raises(CallError) as failure:
        send(client, "48213")
    shown = (
        "".join(traceback.format_exception(failure.value)) + repr(failure.value) + repr(link) + repr(client)
    )
    for secret in (*secrets.values(), "query-6611"):
        assert secret not in shown
    assert len(str(failure.value)) <= 320


def test_a_lost_connections_text_has_no_query_string(simulator, client):
    simulator.fault("reset", times=2)
    with pytest.raises(UnreachableError) as failure:
        client.notes("48213", after_id="5")
    shown = "".join(traceback.format_exception(failure.value))
    assert "conditions" not in shown
