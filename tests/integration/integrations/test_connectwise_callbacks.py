"""Callbacks sent by the simulator, verified by the provider with the key it fetches."""

import json

import pytest

from integrations.connectwise import ConnectWise
from integrations.errors import KeyUnavailableError, SignatureError
from integrations.ports import EventKind, WebhookRequest

pytestmark = pytest.mark.integration


@pytest.fixture
def provider():
    return ConnectWise()


def key_requests(simulator) -> int:
    return len(simulator.requests("GET", "callbackkey"))


def test_every_save_of_a_ticket_fires_a_callback_that_verifies(simulator, receiver, provider):
    simulator.register_callback(receiver.url)
    ticket_id = simulator.create_ticket()
    simulator.wait_for_deliveries()
    simulator.add_note(ticket_id, "yes")
    simulator.wait_for_deliveries()
    simulator.delete_ticket(ticket_id)
    requests = receiver.wait_for(3)
    for request in requests:
        provider.verify(request, simulator.link())
    events = [event for request in requests for event in provider.parse(request)]
    assert [event.kind for event in events] == [
        EventKind.TICKET_CREATED,
        EventKind.TICKET_CHANGED,
        EventKind.TICKET_DELETED,
    ]
    assert {event.ticket_id for event in events} == {ticket_id}
    assert len({event.dedupe_key for event in events}) == 3
    assert key_requests(simulator) == 1


def test_the_records_id_is_appended_to_the_url(simulator, receiver):
    simulator.register_callback(receiver.url)
    ticket_id = simulator.create_ticket()
    receiver.wait_for(1)
    assert receiver.queries == [f"recordId={ticket_id}&action=added"]


def test_a_tampered_callback_is_refused(simulator, receiver, provider):
    simulator.register_callback(receiver.url)
    simulator.create_ticket()
    [request] = receiver.wait_for(1)
    tampered = WebhookRequest(request.body.replace(b"jdoe", b"evil"), request.headers, request.received_at)
    with pytest.raises(SignatureError):
        provider.verify(tampered, simulator.link())


def test_a_callback_of_another_tenant_on_the_same_host_is_refused(simulator, receiver, provider):
    simulator.register_callback(receiver.url)
    simulator.create_ticket()
    [request] = receiver.wait_for(1)
    with pytest.raises(SignatureError, match="CompanyId"):
        provider.verify(request, simulator.link(company="other"))


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "reset"},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 302},
        {"kind": "status", "status": 200, "body": "x"},
        {"kind": "status", "status": 200, "body": {"signing_key": 5}},
        {"kind": "status", "status": 200, "body": {"signing_key": "k" * 70_000}},
    ],
)
def test_a_key_that_cannot_be_had_is_unavailable(simulator, receiver, provider, fault):
    simulator.register_callback(receiver.url)
    simulator.create_ticket()
    [request] = receiver.wait_for(1)
    simulator.fault(path="*callbackkey*", **fault)
    with pytest.raises(KeyUnavailableError):
        provider.verify(request, simulator.link())


@pytest.mark.parametrize("status", [404, 409, 419, 429])
def test_a_callback_is_sent_again_on_the_retried_statuses(simulator, receiver, status):
    receiver.answers = [status, status]
    simulator.register_callback(receiver.url)
    simulator.create_ticket()
    [delivery] = simulator.wait_for_deliveries()
    assert delivery.answers == [status, status, 202]
    assert len({request.body for request in receiver.requests}) == 1


def test_a_callback_is_given_up_after_two_retries(simulator, receiver):
    receiver.answers = [429] * 5
    simulator.register_callback(receiver.url)
    simulator.create_ticket()
    [delivery] = simulator.wait_for_deliveries()
    assert delivery.answers == [429, 429, 429]


@pytest.mark.parametrize("status", [400, 401, 500, 503])
def test_a_callback_is_not_sent_again_on_other_statuses(simulator, receiver, status):
    receiver.answers = [status]
    simulator.register_callback(receiver.url)
    simulator.create_ticket()
    [delivery] = simulator.wait_for_deliveries()
    assert delivery.answers == [status]


def test_one_save_may_fire_several_callbacks(simulator, receiver, provider):
    simulator.callbacks.settings.copies = 5
    simulator.register_callback(receiver.url)
    simulator.create_ticket()
    requests = receiver.wait_for(5)
    assert len({provider.parse(request)[0].dedupe_key for request in requests}) == 5


def test_own_changes_are_not_called_back_where_suppressed(simulator, receiver, provider):
    simulator.register_callback(receiver.url, self_suppressed=True)
    ticket_id = simulator.create_ticket()
    provider.client(simulator.link()).set_status(ticket_id, "Waiting Customer")
    simulator.set_status(ticket_id, "In Progress")
    requests = [json.loads(request.body) for request in receiver.wait_for(2)]
    assert sorted(request["Action"] for request in requests) == ["added", "updated"]
    assert {request["MemberId"] for request in requests} == {"jdoe"}
