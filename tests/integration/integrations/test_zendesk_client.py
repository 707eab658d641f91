"""What is Zendesk's own, against its simulator: descriptions, odd answers, the export, closed tickets."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integrations.answers import NotFoundError
from integrations.errors import AmbiguousError, RejectedError, UnreachableError
from integrations.ports import NotePurpose, NotePush
from integrations.zendesk import Zendesk
from integrations.zendesk.client import ZendeskClient
from integrations.zendesk.simulator import RunningSimulator
from integrations.zendesk.simulator.settings import EXPORT_LAG_SECONDS

pytestmark = pytest.mark.integration

TICKET = "*/tickets/*"


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    with RunningSimulator() as simulator:
        yield simulator


@pytest.fixture
def zendesk(running: RunningSimulator) -> RunningSimulator:
    running.reset()
    running.parts.settings.export_lag_seconds = 0
    return running


@pytest.fixture
def client(zendesk: RunningSimulator) -> ZendeskClient:
    return Zendesk().client(zendesk.link())


def push(ticket_id: str, purpose: NotePurpose = NotePurpose.INTERNAL) -> NotePush:
    return NotePush("e1", ticket_id, purpose, "done [tw:7c1f9e2a]", {})


def comments(zendesk: RunningSimulator, ticket_id: str) -> list[tuple[str, bool]]:
    return [(one.body, one.public) for one in zendesk.parts.world.ticket(int(ticket_id)).comments]


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def test_the_check_names_the_agent(client, zendesk):
    host = zendesk.base_url.removeprefix("http://")
    assert client.check() == f"Zendesk at {host} answered; ticketwalk@acme.example is its admin"


def test_an_answer_as_to_a_stranger_is_no_success(client, zendesk):
    stranger = {"user": {"id": None, "role": "end-user"}}
    zendesk.fault("status", path="*/users/me", status=200, body=stranger)
    with pytest.raises(RejectedError, match="not as to an agent"):
        client.check()


def test_no_secret_is_in_an_error_that_repeats_it(client, zendesk):
    token = zendesk.credentials["api_token"]
    zendesk.fault("status", status=422, body={"error": "RecordInvalid", "description": f"saw {token} here"})
    with pytest.raises(RejectedError, match="saw") as refused:
        client.check()
    assert token not in str(refused.value)


def test_the_description_is_no_note_and_is_never_found_by_its_marker(client, zendesk):
    ticket_id = zendesk.create_ticket("VPN down [tw:7c1f9e2a]")
    assert comments(zendesk, ticket_id) == [("VPN down [tw:7c1f9e2a]", True)]
    assert client.notes(ticket_id) == []
    assert client.find_note(ticket_id, "[tw:7c1f9e2a]") == []


@pytest.mark.parametrize("purpose", list(NotePurpose))
def test_only_a_note_for_the_customer_is_public(client, zendesk, purpose):
    ticket_id = zendesk.create_ticket()
    client.send_note(push(ticket_id), client.prepare_note(push(ticket_id, purpose)))
    assert comments(zendesk, ticket_id)[1:] == [("done [tw:7c1f9e2a]", purpose is NotePurpose.CUSTOMER)]


def test_an_answer_without_the_comments_id_is_ambiguous(client, zendesk):
    ticket_id = zendesk.create_ticket()
    zendesk.fault("status", method="PUT", status=200, body={"ticket": {}}, apply=True)
    with pytest.raises(AmbiguousError, match="names no comment"):
        client.send_note(push(ticket_id), client.prepare_note(push(ticket_id)))
    assert len(client.find_note(ticket_id, "[tw:7c1f9e2a]")) == 1


def test_a_closed_ticket_takes_no_note_and_zendesk_says_why(client, zendesk):
    ticket_id = zendesk.create_ticket()
    zendesk.set_status(ticket_id, "Closed")
    with pytest.raises(RejectedError, match="closed prevents ticket update"):
        client.send_note(push(ticket_id), client.prepare_note(push(ticket_id)))


@pytest.mark.parametrize("body", ["<h1>No help desk here</h1>", {"error": "InvalidEndpoint"}])
def test_a_404_that_is_not_of_the_record_does_not_mean_a_deleted_ticket(client, zendesk, body):
    ticket_id = zendesk.create_ticket()
    zendesk.fault("status", path=TICKET, status=404, body=body)
    with pytest.raises(NotFoundError):
        client.ticket(ticket_id)


def test_a_status_that_a_business_rule_has_changed_back_is_tried_again(client, zendesk):
    ticket_id = zendesk.create_ticket()
    zendesk.fault("status", method="PUT", status=200, body={"ticket": {}})
    with pytest.raises(UnreachableError, match="does not show the status Solved yet"):
        client.set_status(ticket_id, "solved")
    client.set_status(ticket_id, "solved")
    assert zendesk.status_of(ticket_id) == "Solved"


def test_a_status_whose_answer_is_lost_may_be_set_again(client, zendesk):
    ticket_id = zendesk.create_ticket()
    zendesk.fault("lost_answer", method="PUT")
    with pytest.raises(UnreachableError):
        client.set_status(ticket_id, "On-hold")
    client.set_status(ticket_id, "ON-HOLD")
    assert [request.method for request in zendesk.requests("PUT")] == ["PUT"]


def test_an_unknown_status_is_refused_with_those_there_are(client, zendesk):
    with pytest.raises(RejectedError, match="New, Open, Pending, On-hold, Solved, Closed"):
        client.set_status(zendesk.create_ticket(), "Escalated")
    assert zendesk.requests() == []


def test_a_start_within_the_latest_minute_is_moved_back_and_older_changes_are_left_out(client, zendesk):
    old, new = zendesk.create_ticket(), zendesk.create_ticket()
    zendesk.parts.world.ticket(int(old)).updated_at = ago(30)
    assert [ticket.ticket_id for ticket in client.changed_since(ago(10))] == [new]
    assert [request.status for request in zendesk.requests("GET", "incremental")] == [200]


def test_what_changed_in_the_latest_minute_is_listed_when_the_overlap_looks_again(client, zendesk):
    zendesk.parts.settings.export_lag_seconds = EXPORT_LAG_SECONDS
    ticket_id = zendesk.create_ticket()
    assert list(client.changed_since(ago(3600))) == []
    zendesk.parts.world.ticket(int(ticket_id)).updated_at = ago(EXPORT_LAG_SECONDS + 1)
    looked_back = datetime.now(UTC) - Zendesk.reconcile_overlap
    assert [ticket.ticket_id for ticket in client.changed_since(looked_back)] == [ticket_id]


def test_the_export_is_read_to_its_end_and_lists_no_deleted_ticket(client, zendesk, monkeypatch):
    monkeypatch.setattr("integrations.zendesk.simulator.api.EXPORT_SIZE", 2)
    tickets = [zendesk.create_ticket() for _ in range(5)]
    zendesk.delete_ticket(tickets[1])
    assert [t.ticket_id for t in client.changed_since(ago(3600))] == [tickets[0], *tickets[2:]]
    assert len(zendesk.requests("GET", "incremental")) == 2


def test_an_export_without_an_end_is_given_up(client, zendesk, monkeypatch):
    monkeypatch.setattr("integrations.zendesk.changes.MAX_PAGES", 3)
    endless = {"tickets": [], "after_cursor": "0-0", "end_of_stream": False}
    zendesk.fault("status", path="*/incremental/*", status=200, body=endless, times=10)
    with pytest.raises(RejectedError):
        list(client.changed_since(ago(3600)))
    assert len(zendesk.requests("GET", "incremental")) == 3


def test_a_member_without_the_record_of_a_user_is_no_author(client, zendesk):
    ticket_id = zendesk.create_ticket()
    zendesk.add_note(ticket_id, "yes")
    meta = {"has_more": False, "after_cursor": None}
    listed = [{"id": number, "author_id": 101, "body": "yes"} for number in (1, 2)]
    answer = {"comments": listed, "users": [], "meta": meta}
    zendesk.fault("status", path="*/comments", status=200, body=json.loads(json.dumps(answer)))
    assert [(note.author, note.own) for note in client.notes(ticket_id)] == [(None, False)]


def test_other_credentials_are_refused_in_zendesks_words(zendesk):
    wrong = replace(zendesk.link(api_token="wrong"))
    with pytest.raises(RejectedError, match="Couldn't authenticate you"):
        Zendesk().client(wrong).ticket("35436")
