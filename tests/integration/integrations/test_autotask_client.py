"""The Autotask client against the simulator, over real HTTP."""

import json
import threading
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote_plus

import pytest

from integrations.answers import Answer
from integrations.autotask import Autotask
from integrations.autotask.api import MAX_RECORDS
from integrations.autotask.client import AutotaskClient
from integrations.autotask.simulator import RunningSimulator
from integrations.errors import AmbiguousError, CallError, RejectedError, ThrottledError, UnreachableError
from integrations.ports import (
    ChangedTicket,
    Link,
    NotePurpose,
    NotePush,
    PsaClient,
    PsaTicket,
    TimePush,
)

pytestmark = pytest.mark.integration

NOTES = "*/Notes"
START = datetime(2026, 9, 15, 14, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    with RunningSimulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(running):
    running.reset()
    return running


@pytest.fixture
def client(simulator):
    return Autotask().client(simulator.link())


@pytest.fixture
def warm(client, simulator):
    """A client that has its zone and names, so that a fault hits the call that is meant."""
    client.ticket(simulator.create_ticket())
    simulator.parts.log.clear()
    return client


def push(
    ticket_id: str, text: str = "done [tw:1]", purpose: NotePurpose = NotePurpose.RESOLUTION
) -> NotePush:
    return NotePush("entry-1", ticket_id, purpose, text, {})


def send(client: PsaClient, ticket_id: str, text: str = "done [tw:1]") -> str:
    return client.send_note(push(ticket_id, text), client.prepare_note(push(ticket_id, text)))


def time_push(ticket_id: str, member: str = "jdoe", text: str = "worked [tw:2]") -> TimePush:
    return TimePush("entry-2", ticket_id, member, START, START + timedelta(minutes=30), text)


def moved(link: Link, base_url: str, *, private: bool) -> Link:
    return Link("c", base_url, link.credentials, link.webhook_secrets, allow_private_hosts=private)


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
    assert '"field":"ticketID"' in _searches(simulator)[-1]


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
    body = {"errors": ["An unexpected error occurred."]}
    simulator.fault("status", method="POST", path=NOTES, status=status, body=body, apply=True)
    with pytest.raises(AmbiguousError, match=f"HTTP {status}: An unexpected error"):
        send(client, ticket_id)


@pytest.mark.parametrize("body", ["<html>ok</html>", "[]", '{"itemId": "x"}', '{"itemId": null}', "{}", ""])
def test_a_note_answered_unreadably_is_ambiguous(simulator, client, body):
    ticket_id = simulator.create_ticket()
    simulator.fault("status", method="POST", path=NOTES, status=200, body=body, apply=True)
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
        {"kind": "status", "status": 401},
    ],
)
def test_a_write_is_never_sent_twice(simulator, client, fault):
    ticket_id = simulator.create_ticket()
    simulator.fault(method="POST", path=NOTES, **fault)
    with pytest.raises(CallError):
        send(client, ticket_id)
    assert len(simulator.requests("POST", "/Notes")) == 1


@pytest.mark.parametrize(
    "note",
    [
        {"title": "x", "description": "x", "noteType": 3, "publish": 2, "publsh": 2},
        {"title": "x", "description": "x", "noteType": "3", "publish": 2},
        {"title": "x", "description": None, "noteType": 3, "publish": 2},
        {"title": "x", "description": "x", "noteType": 3, "publish": 7},
        [{"title": "x", "description": "x", "noteType": 3, "publish": 2}],
    ],
)
def test_a_note_refused_for_its_shape_is_rejected_though_it_comes_as_a_500(simulator, client, note):
    ticket_id = simulator.create_ticket()
    with pytest.raises(RejectedError, match="HTTP 500: Value"):
        client.send_note(push(ticket_id), json.dumps(note).encode())
    assert simulator.notes(ticket_id) == []


def test_a_missing_right_is_rejected_though_it_comes_as_a_500(simulator, client):
    simulator.world.denied = {"TicketNotes"}
    with pytest.raises(RejectedError, match=r"HTTP 500: .*adequate permissions to create"):
        send(client, simulator.create_ticket())


def test_a_note_for_a_missing_ticket_is_rejected(client):
    with pytest.raises(RejectedError, match="ticketID of type: Ticket does not exist"):
        send(client, "999999")


def test_too_many_threads_are_throttled_though_they_come_as_a_500(simulator, warm):
    simulator.parts.usage.settings.threads = 1
    simulator.parts.usage.settings.latency_seconds = 1.0
    outcomes: list[str] = []
    readers = [threading.Thread(target=lambda: outcomes.append(_outcome(warm))) for _ in range(3)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(20)
    assert sorted(outcomes) == ["answered", "throttled", "throttled"]


def _outcome(client: AutotaskClient) -> str:
    try:
        client.notes("120345")
    except ThrottledError as error:
        return "throttled" if "Itgenatr005" in str(error) else str(error)
    return "answered"


def test_a_used_up_quota_is_throttled(simulator, warm):
    simulator.parts.usage.settings.delays_seconds = ()
    simulator.parts.usage.pretend(10_000)
    with pytest.raises(ThrottledError, match="threshold") as throttled:
        warm.check()
    assert throttled.value.retry_after == timedelta(seconds=60)


@pytest.mark.parametrize("status", [429, 503])
def test_throttling_carries_its_seconds(simulator, client, status):
    ticket_id = simulator.create_ticket()
    simulator.fault("status", method="POST", status=status, retry_after=7)
    with pytest.raises(ThrottledError) as throttled:
        send(client, ticket_id)
    assert throttled.value.retry_after == timedelta(seconds=7)


def test_calls_beyond_the_limit_are_throttled(simulator, warm):
    simulator.limit_calls(2)
    warm.notes("120345")
    warm.notes("120345")
    with pytest.raises(ThrottledError) as throttled:
        warm.notes("120345")
    assert timedelta(seconds=50) < throttled.value.retry_after <= timedelta(seconds=60)
    simulator.limit_calls(None)
    warm.notes("120345")


@pytest.mark.parametrize("kind", ["lost_answer", "reset"])
def test_a_read_that_lost_its_connection_is_asked_once_more(simulator, warm, kind):
    ticket_id = simulator.create_ticket()
    simulator.fault(kind, method="GET")
    assert warm.ticket(ticket_id) is not None


def test_a_read_that_fails_twice_is_unreachable(simulator, warm):
    simulator.fault("reset", method="GET", times=2)
    with pytest.raises(UnreachableError):
        warm.check()
    assert len(simulator.requests("GET")) == 2


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        "{",
        "[1",
        "[]",
        '{"item": {"id": "x"}}',
        '{"item": {"title": "no id"}}',
        '{"item": {"id": 7, "status": "New"}}',
    ],
)
def test_a_read_that_cannot_be_understood_is_unreachable(simulator, warm, body):
    simulator.fault("status", status=200, body=body)
    with pytest.raises(UnreachableError):
        warm.ticket("120345")


@pytest.mark.parametrize(
    "body", ["{}", '{"items": {}}', '{"items": [7]}', '{"items": [], "pageDetails": []}']
)
def test_a_list_that_cannot_be_understood_is_unreachable(simulator, warm, body):
    simulator.fault("status", status=200, body=body)
    with pytest.raises(UnreachableError):
        warm.notes("120345")


def test_a_redirect_is_not_followed(simulator, warm):
    simulator.fault("status", status=302)
    with pytest.raises(RejectedError, match="redirects are not followed"):
        warm.check()


def test_a_401_has_the_zone_looked_up_again_and_the_call_done_in_the_new_one(simulator, warm):
    ticket_id = simulator.create_ticket()
    zone = {"url": f"{simulator.base_url}/ATServicesRest/"}
    simulator.fault("status", method="POST", path=NOTES, status=401)
    simulator.fault("status", path="*zoneInformation", status=200, body=zone)
    send(warm, ticket_id)
    posts = simulator.requests("POST", "/Notes")
    assert [(post.status, post.path.split("/")[1]) for post in posts] == [
        (401, "atservicesrest"),
        (200, "ATServicesRest"),
    ]


def test_a_zone_is_looked_up_once(simulator, client):
    ticket_id = simulator.create_ticket()
    client.ticket(ticket_id)
    client.notes(ticket_id)
    assert len(simulator.requests("GET", "zoneInformation")) == 1


@pytest.mark.parametrize(
    ("zone", "sentence"),
    [
        ({"url": "https://evil.example/"}, "not under autotask.net"),
        ({"url": "https://autotask.net.evil.example/"}, "not under autotask.net"),
        ({"url": "https://evilautotask.net/"}, "not under autotask.net"),
        ({"url": "https://webservices2.autotask.net:8443/"}, "not under autotask.net"),
        ({"url": "http://webservices2.autotask.net/"}, "must use https"),
        ({"url": "https://10.0.0.5/"}, "private or reserved"),
        ({"url": "https://me:pw@webservices2.autotask.net/"}, "user name or password"),
    ],
)
def test_a_zone_that_is_not_autotasks_own_never_gets_the_credentials(monkeypatch, zone, sentence):
    asked: list[str] = []

    def read(self: object, path: str, params: object = None) -> object:
        asked.append(path)
        return Answer(200, {}, json.dumps(zone).encode())

    monkeypatch.setattr("integrations.http.HttpApi.read", read)
    credentials = {"integration_code": "c", "username": "u", "secret": "s"}
    link = Link("c1", "https://webservices.autotask.net", credentials, ("x",))
    with pytest.raises(RejectedError, match=sentence):
        Autotask().client(link).check()
    assert asked == ["/atservicesrest/v1.0/zoneInformation"]


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", '{"url": 7}', '{"url": ""}'])
def test_a_zone_that_cannot_be_understood_is_unreachable(simulator, client, body):
    simulator.fault("status", path="*zoneInformation", status=200, body=body)
    with pytest.raises(UnreachableError, match="the zone's answer"):
        client.check()


def test_a_port_where_nobody_listens_is_unreachable_also_for_a_note(simulator, unused_port):
    link = moved(simulator.link(), f"http://127.0.0.1:{unused_port}", private=True)
    client = Autotask().client(link)
    with pytest.raises(UnreachableError, match="refused"):
        client.check()
    with pytest.raises(UnreachableError, match="refused"):
        send(client, "120345")


def test_a_loopback_address_is_rejected_where_private_hosts_are_not_allowed(simulator):
    link = moved(simulator.link(), simulator.base_url.replace("http:", "https:"), private=False)
    with pytest.raises(RejectedError, match="private or reserved"):
        Autotask().client(link).check()
    assert simulator.requests() == []


def test_a_host_that_does_not_exist_is_unreachable(simulator):
    link = moved(simulator.link(), "https://psa.invalid", private=False)
    with pytest.raises(UnreachableError, match="host name was not found"):
        send(Autotask().client(link), "120345")


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_no_secret_is_in_any_error_text_or_repr(simulator, status):
    secrets = {"integration_code": "tracking-9183", "secret": "apisecret-7741"}
    link = simulator.link(**secrets)
    client = Autotask().client(link)
    echo = {"errors": [f"bad {secrets} {link.webhook_secrets} at https://psa.example.com/x?token=query-6611"]}
    simulator.fault("status", method="POST", status=status, body=echo)
    with pytest.raises(CallError) as failure:
        send(client, "120345")
    shown = "".join(traceback.format_exception(failure.value)) + repr((failure.value, link, client))
    for secret in (*secrets.values(), *link.webhook_secrets, "query-6611"):
        assert secret not in shown
    assert len(str(failure.value)) <= 320


def test_a_lost_connections_text_has_no_query_string(simulator, warm):
    simulator.fault("reset", times=2)
    with pytest.raises(UnreachableError) as failure:
        warm.notes("120345", after_id="5")
    assert "search" not in "".join(traceback.format_exception(failure.value)).replace("_search", "")


def _searches(simulator: RunningSimulator) -> list[str]:
    return [unquote_plus(request.query) for request in simulator.requests("GET", "/query")]
