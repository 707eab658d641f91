"""What the client makes of answers: lost, unclear, refused, throttled, unreadable."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from integrations.errors import AmbiguousError, CallError, RejectedError, ThrottledError, UnreachableError
from integrations.halopsa import HaloPsa
from tests.integration.integrations.halopsa.calls import ACTIONS, send

pytestmark = pytest.mark.integration


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
