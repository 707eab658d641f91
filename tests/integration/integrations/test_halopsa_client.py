"""The HaloPSA client against the simulator, over real HTTP."""

import json
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from integrations.errors import AmbiguousError, CallError, RejectedError, ThrottledError, UnreachableError
from integrations.halopsa import HaloPsa
from integrations.halopsa.changes import PAGE_SIZE
from integrations.halopsa.client import FIRST_ACTIONS, HaloPsaClient
from integrations.halopsa.oauth import Tokens
from integrations.halopsa.simulator import RunningSimulator
from integrations.halopsa.simulator.access import Access, Identity
from integrations.ports import NotePurpose, NotePush, PsaClient, PsaTicket, TimePush

pytestmark = pytest.mark.integration

ACTIONS = "*/Actions"
MINUTES = timedelta(minutes=1)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    with RunningSimulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(running: RunningSimulator) -> RunningSimulator:
    running.reset()
    return running


@pytest.fixture
def client(simulator: RunningSimulator) -> PsaClient:
    return HaloPsa().client(simulator.link())


def push(
    ticket_id: str, text: str = "done [tw:1]", purpose: NotePurpose = NotePurpose.RESOLUTION
) -> NotePush:
    return NotePush("entry-1", ticket_id, purpose, text, {})


def send(client: PsaClient, ticket_id: str, text: str = "done [tw:1]") -> str:
    return client.send_note(push(ticket_id, text), client.prepare_note(push(ticket_id, text)))


def posted(client: PsaClient, ticket_id: str, body: Any) -> str:
    return client.send_note(push(ticket_id), json.dumps(body).encode())


def action(ticket_id: str, **fields: Any) -> dict[str, Any]:
    return {"ticket_id": int(ticket_id), "outcome_id": 7, "note_html": "<p>x</p>", **fields}


def worked(ticket_id: str, member: str = "17") -> TimePush:
    ended = datetime(2026, 8, 11, 9, 30, tzinfo=UTC)
    return TimePush("entry-2", ticket_id, member, ended - 30 * MINUTES, ended, "worked [tw:2]")


def test_check_says_what_answered(simulator, client):
    simulator.create_ticket()
    assert "the API agent may read tickets" in client.check()


def test_check_says_that_the_agent_sees_no_ticket(simulator, client):
    simulator.create_ticket(board="Security")
    assert "sees no ticket: make it a member of the teams" in client.check()


@pytest.mark.parametrize(
    "wrong", [{"client_secret": "wrong-secret"}, {"client_id": "other"}, {"tenant": "acme"}]
)
def test_check_with_wrong_credentials_is_rejected_in_the_providers_words(simulator, wrong):
    with pytest.raises(
        RejectedError, match=r"401.*invalid_client: The client credentials are not valid.*check client_id"
    ):
        HaloPsa().client(simulator.link(**wrong)).check()


def test_the_tenant_is_named_where_it_is_asked_for():
    with RunningSimulator(identity=Identity(tenant="acme msp")) as shared:
        assert "answered" in HaloPsa().client(shared.link()).check()
        with pytest.raises(RejectedError, match="invalid_client"):
            HaloPsa().client(shared.link(tenant="other")).check()


def test_a_ticket_is_read_with_names_instead_of_ids(simulator, client):
    ticket_id = simulator.create_ticket(
        "VPN down", board="Network", type="Incident", priority="P1", company="Globex", assigned_to="asmith"
    )
    assert client.ticket(ticket_id) == PsaTicket(
        ticket_id=ticket_id,
        summary="VPN down",
        status="New",
        closed=False,
        board="Network",
        type="Incident",
        priority="P1",
        company="Globex",
        assigned_to="18",
    )


def test_a_ticket_that_nobody_has_and_no_type_was_given_to(simulator, client):
    ticket = client.ticket(simulator.create_ticket())
    assert (ticket.type, ticket.priority, ticket.company, ticket.assigned_to) == (None, None, None, None)


def test_a_closed_ticket_is_closed(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.set_status(ticket_id, "Closed")
    ticket = client.ticket(ticket_id)
    assert (ticket.status, ticket.closed) == ("Closed", True)


def test_a_merged_ticket_names_its_survivor(simulator, client):
    ticket_id, survivor = simulator.create_ticket(), simulator.create_ticket()
    simulator.merge_ticket(ticket_id, survivor)
    assert client.ticket(ticket_id).merged_into == survivor
    assert client.ticket(survivor).merged_into is None


@pytest.mark.parametrize("ticket_id", ["999999", "abc", "", "-1", "7/notes", "\u0667", "9" * 40])
def test_a_ticket_that_is_not_there_is_none(client, ticket_id):
    assert client.ticket(ticket_id) is None


def test_a_ticket_of_a_team_that_the_agent_is_not_in_is_not_there(simulator, client):
    assert client.ticket(simulator.create_ticket(board="Security")) is None


def test_notes_come_oldest_first_with_author_and_own(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.add_note(ticket_id, "yes", member="asmith")
    simulator.add_note(ticket_id, "still broken", contact="Bob")
    send(client, ticket_id)
    found = [(note.text, note.author, note.own) for note in client.notes(ticket_id)]
    assert found == [("yes", "18", False), ("still broken", None, False), ("done [tw:1]", "20", True)]


def test_notes_carry_the_moment_they_were_written(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.add_note(ticket_id, "yes")
    [note] = client.notes(ticket_id)
    assert abs(note.created_at - datetime.now(UTC)) < MINUTES


def test_notes_after_an_id_are_the_newer_ones_only(simulator, client):
    ticket_id = simulator.create_ticket()
    first = simulator.add_note(ticket_id, "one")
    simulator.add_note(ticket_id, "two")
    assert [note.text for note in client.notes(ticket_id, after_id=first)] == ["two"]


def test_notes_of_two_tickets_have_different_ids(simulator, client):
    notes = [simulator.add_note(simulator.create_ticket(), "yes") for _ in range(2)]
    assert len(set(notes)) == 2


def test_notes_are_read_to_the_last_one_although_actions_have_no_pages(simulator, client):
    ticket_id = simulator.create_ticket()
    for number in range(FIRST_ACTIONS + 3):
        simulator.add_note(ticket_id, str(number))
    assert [note.text for note in client.notes(ticket_id)] == [str(n) for n in range(FIRST_ACTIONS + 3)]
    assert len(simulator.requests("GET", "/Actions")) == 2


def test_an_edited_note_shows_its_new_text(simulator, client):
    ticket_id = simulator.create_ticket()
    note_id = simulator.add_note(ticket_id, "yes")
    simulator.edit_note(ticket_id, note_id, "no & <never>")
    assert [note.text for note in client.notes(ticket_id)] == ["no & <never>"]


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


def test_a_note_whose_answer_is_lost_is_ambiguous_and_is_there(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.fault("lost_answer", method="POST", path=ACTIONS)
    with pytest.raises(AmbiguousError):
        send(client, ticket_id)
    assert len(client.find_note(ticket_id, "[tw:1]")) == 1


def test_a_note_reset_before_it_was_done_is_ambiguous_and_is_not_there(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.fault("reset", method="POST", path=ACTIONS)
    with pytest.raises(AmbiguousError):
        send(client, ticket_id)
    assert simulator.notes(ticket_id) == []


@pytest.mark.parametrize("status", [408, 500, 502, 504])
def test_a_note_answered_with_an_unclear_status_is_ambiguous(simulator, client, status):
    ticket_id = simulator.create_ticket()
    simulator.fault(
        "status", method="POST", path=ACTIONS, status=status, body={"message": "An error"}, apply=True
    )
    with pytest.raises(AmbiguousError, match=f"HTTP {status}: An error"):
        send(client, ticket_id)


def test_a_note_refused_in_the_words_of_a_time_out_is_ambiguous_whatever_its_status(simulator, client):
    ticket_id = simulator.create_ticket()
    said = "Execution Timeout Expired.  The timeout period elapsed prior to completion"
    simulator.fault("status", method="POST", path=ACTIONS, status=400, body={"message": said}, apply=True)
    with pytest.raises(AmbiguousError, match="Execution Timeout Expired"):
        send(client, ticket_id)


@pytest.mark.parametrize("body", ["<html>ok</html>", "[]", '{"id": "x"}', '{"id": 0}', "{}", "null", ""])
def test_a_note_answered_unreadably_is_ambiguous(simulator, client, body):
    ticket_id = simulator.create_ticket()
    simulator.fault("status", method="POST", path=ACTIONS, status=201, body=body, apply=True)
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
        {"kind": "status", "status": 403},
    ],
)
def test_a_write_is_never_sent_twice(simulator, client, fault):
    ticket_id = simulator.create_ticket()
    simulator.fault(method="POST", path=ACTIONS, **fault)
    with pytest.raises(CallError):
        send(client, ticket_id)
    assert len(simulator.requests("POST", "/Actions")) == 1


def test_a_note_for_a_missing_ticket_is_rejected(client):
    with pytest.raises(RejectedError, match="404"):
        send(client, "999999")


def test_a_record_in_use_is_transient(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.fault("status", method="POST", path=ACTIONS, status=409)
    with pytest.raises(UnreachableError):
        send(client, ticket_id)


@pytest.mark.parametrize("status", [429, 503])
def test_throttling_carries_its_seconds(simulator, client, status):
    ticket_id = simulator.create_ticket()
    simulator.fault("status", path=ACTIONS, status=status, retry_after=7)
    with pytest.raises(ThrottledError) as throttled:
        send(client, ticket_id)
    assert throttled.value.retry_after == timedelta(seconds=7)


def test_throttling_may_name_a_date(simulator, client):
    until = datetime.now(UTC) + timedelta(seconds=120)
    simulator.fault("status", path="/api/*", status=429, retry_after=format_datetime(until, usegmt=True))
    with pytest.raises(ThrottledError) as throttled:
        client.check()
    assert timedelta(seconds=100) < throttled.value.retry_after <= timedelta(seconds=120)


def test_calls_over_the_simulators_limit_are_throttled_until_it_is_lifted(simulator, client):
    simulator.limit_calls(1)
    client.check()
    with pytest.raises(ThrottledError) as throttled:
        client.check()
    assert timedelta(0) < throttled.value.retry_after <= timedelta(seconds=60)
    simulator.limit_calls(None)
    client.check()


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


@pytest.mark.parametrize("body", ["<html>", "{", '{"id": 7}', "[1", "{}", "null", "[]"])
def test_a_read_that_cannot_be_understood_is_unreachable(simulator, client, body):
    simulator.fault("status", method="GET", status=200, body=body)
    with pytest.raises(UnreachableError):
        client.ticket("10233")


@pytest.mark.parametrize(
    "body", ["{}", "null", '{"actions": {}}', '{"actions": [7]}', '{"actions": [{"id": "x"}]}']
)
def test_a_list_that_cannot_be_understood_is_unreachable(simulator, client, body):
    simulator.fault("status", method="GET", status=200, body=body)
    with pytest.raises(UnreachableError):
        client.notes("10233")


def test_a_redirect_is_not_followed(simulator, client):
    simulator.fault("status", method="GET", status=302)
    with pytest.raises(RejectedError, match="redirects are not followed"):
        client.check()


def test_a_port_where_nobody_listens_is_unreachable_also_for_a_note(simulator, unused_port):
    link = simulator.link()
    dead = type(link)("c", f"http://127.0.0.1:{unused_port}", link.credentials, allow_private_hosts=True)
    client = HaloPsa().client(dead)
    with pytest.raises(UnreachableError, match="refused"):
        client.check()
    with pytest.raises(UnreachableError, match="refused"):
        send(client, "10233")


def test_a_loopback_address_is_rejected_where_private_hosts_are_not_allowed(simulator):
    link = simulator.link()
    strict = type(link)("c", link.base_url.replace("http:", "https:"), link.credentials)
    with pytest.raises(RejectedError, match="private or reserved"):
        HaloPsa().client(strict).check()
    assert simulator.requests() == []


def test_a_token_is_fetched_once_for_many_calls_and_clients(simulator):
    provider = HaloPsa()
    for _ in range(3):
        provider.client(simulator.link()).check()
    assert len(simulator.requests("POST", "/auth/token")) == 1


def test_a_token_is_fetched_anew_before_it_expires(simulator):
    now = [0.0]
    client = HaloPsaClient(simulator.link(), Tokens(clock=lambda: now[0]))
    client.check()
    now[0] = 3600 - 121
    client.check()
    assert len(simulator.requests("POST", "/auth/token")) == 1
    now[0] = 3600 - 119
    client.check()
    assert len(simulator.requests("POST", "/auth/token")) == 2


def test_a_refused_token_is_fetched_anew_once_and_the_note_is_written_once(simulator, client):
    ticket_id = simulator.create_ticket()
    client.check()
    simulator.parts.access.revoke_all()
    send(client, ticket_id)
    assert [request.status for request in simulator.requests("POST", "/Actions")] == [401, 201]
    assert len(simulator.notes(ticket_id)) == 1


def test_a_token_that_is_refused_again_is_rejected_after_two_tries(simulator, client):
    simulator.fault("status", method="GET", status=401, times=5)
    with pytest.raises(RejectedError, match="HTTP 401"):
        client.check()
    assert len(simulator.requests("GET", "/api")) == 2
    assert len(simulator.requests("POST", "/auth/token")) == 2


def test_another_secret_or_connection_has_a_token_of_its_own(simulator):
    provider = HaloPsa()
    provider.client(simulator.link()).check()
    provider.client(simulator.link("connection-2")).check()
    with pytest.raises(RejectedError, match="invalid_client"):
        provider.client(simulator.link(client_secret="stolen")).check()
    assert len(simulator.requests("POST", "/auth/token")) == 3


@pytest.mark.parametrize("kind", ["lost_answer", "reset"])
def test_a_lost_token_is_unreachable_also_for_a_note(simulator, client, kind):
    ticket_id = simulator.create_ticket()
    simulator.fault(kind, path="/auth/token")
    with pytest.raises(UnreachableError):
        send(client, ticket_id)
    assert simulator.requests("POST", "/Actions") == []


@pytest.mark.parametrize("body", ["<html>", "{}", '{"access_token": ""}', '{"access_token": 7}', "[]"])
def test_an_answer_without_a_token_is_unreachable(simulator, client, body):
    simulator.fault("status", path="/auth/token", status=200, body=body)
    with pytest.raises(UnreachableError, match="holds no token"):
        client.check()


def test_expired_tokens_are_refused_by_the_simulator():
    now = [0.0]
    access = Access(clock=lambda: now[0])
    granted = access.grant()

    class Request:
        headers = {"authorization": f"Bearer {granted.access_token}"}  # noqa: RUF012 (a stand-in)

    access.require_token(Request())  # type: ignore[arg-type]  # only its headers are read
    now[0] = access.token_seconds
    with pytest.raises(Exception, match="Authorization has been denied"):
        access.require_token(Request())  # type: ignore[arg-type]  # only its headers are read


@pytest.mark.parametrize("path", ["/auth/token", ACTIONS])
@pytest.mark.parametrize("status", [400, 401, 403, 409, 429, 500])
def test_no_secret_is_in_any_error_text_or_repr(simulator, status, path):
    secret = simulator.credentials["client_secret"]
    provider = HaloPsa()
    link = simulator.link()
    client = provider.client(link)
    if path == ACTIONS:
        client.check()
    token = next(iter(simulator.parts.access._tokens), "no-token-yet")
    echo = {"message": f"bad {secret} Bearer {token} at https://psa.example.com/x?token=query-6611"}
    simulator.fault("status", status=status, body=echo, times=2, path=path)
    with pytest.raises(CallError) as failure:
        send(client, "10233")
    tokens = provider._tokens
    shown = "".join(traceback.format_exception(failure.value)) + repr(
        (failure.value, link, client, tokens, tokens._kept)
    )
    for hidden in (secret, token, "query-6611"):
        assert hidden not in shown
    assert len(str(failure.value)) <= 400


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
