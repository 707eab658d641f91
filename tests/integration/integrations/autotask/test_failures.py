"""What becomes of a call that Autotask does not answer, or answers with an error."""

import json
import threading
import traceback
from datetime import timedelta

import pytest

from integrations.autotask import Autotask
from integrations.autotask.client import AutotaskClient
from integrations.errors import AmbiguousError, CallError, RejectedError, ThrottledError, UnreachableError
from tests.integration.integrations.autotask.calls import NOTES, moved, push, send

pytestmark = pytest.mark.integration


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
