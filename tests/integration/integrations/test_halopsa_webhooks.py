"""Webhooks sent by the simulator, verified and read by the provider."""

import json
from collections.abc import Iterator

import pytest

from integrations.errors import SignatureError
from integrations.halopsa import HaloPsa
from integrations.halopsa.simulator import RunningSimulator
from integrations.halopsa.simulator.payloads import Payload
from integrations.ports import Event, EventKind, WebhookRequest
from integrations.simulation.stand_in import StandIn

pytestmark = pytest.mark.integration

CREATED, CHANGED, DELETED = EventKind.TICKET_CREATED, EventKind.TICKET_CHANGED, EventKind.TICKET_DELETED


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    with RunningSimulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(running: RunningSimulator) -> RunningSimulator:
    running.reset()
    return running


@pytest.fixture
def registered(simulator, receiver):
    """The simulator with a webhook to the receiver, as the client registers it."""
    provider = HaloPsa()
    link = simulator.link()
    provider.client(link).register(provider.webhook_url(receiver.url, link))
    return simulator


def arrived(simulator: RunningSimulator, request: WebhookRequest, url: str) -> WebhookRequest:
    """Return the request with the path that the simulator called."""
    [called] = {delivery.url for delivery in simulator.deliveries()}
    assert called.startswith(f"{url}/")
    return WebhookRequest(request.body, request.headers, request.received_at, called.removeprefix(url))


def events_of(simulator, receiver) -> list[Event]:
    simulator.wait_for_deliveries()
    provider = HaloPsa()
    found: list[Event] = []
    for request in receiver.requests:
        whole = arrived(simulator, request, receiver.url)
        provider.verify(whole, simulator.link())
        found += provider.parse(whole)
    return found


def test_the_simulator_is_what_the_contract_suite_asks_for():
    with RunningSimulator() as running:
        stand_in: StandIn = running
        assert stand_in.webhook_secrets == running.webhook_secrets


@pytest.mark.parametrize("payload", list(Payload))
def test_every_payload_verifies_and_names_its_ticket(registered, receiver, payload):
    registered.parts.deliveries.settings.payload = payload
    ticket_id = registered.create_ticket()
    [event] = events_of(registered, receiver)
    assert (event.kind, event.ticket_id) == (CREATED, ticket_id)


def test_whatever_a_technician_does_fires_a_webhook(registered, receiver):
    ticket_id, other = registered.create_ticket(), registered.create_ticket()
    registered.wait_for_deliveries()

    def fired_by(step) -> set[tuple[EventKind, str | None]]:
        receiver.reset()
        registered.parts.deliveries.clear()
        step()
        return {(event.kind, event.ticket_id) for event in events_of(registered, receiver)}

    note_id = registered.add_note(other, "yes")
    registered.wait_for_deliveries()
    assert fired_by(lambda: registered.add_note(ticket_id, "yes")) == {(CHANGED, ticket_id)}
    assert fired_by(lambda: registered.add_note(ticket_id, "no", contact="Bob")) == {(CHANGED, ticket_id)}
    assert fired_by(lambda: registered.edit_note(other, note_id, "no")) == {(CHANGED, other)}
    assert fired_by(lambda: registered.set_status(ticket_id, "Closed")) == {(CHANGED, ticket_id)}
    assert fired_by(lambda: registered.assign(ticket_id, "asmith")) == {(CHANGED, ticket_id)}
    merged = fired_by(lambda: registered.merge_ticket(ticket_id, other))
    assert merged == {(CHANGED, ticket_id), (CHANGED, other)}
    assert fired_by(lambda: registered.delete_ticket(other)) == {(DELETED, other)}


def test_batched_events_come_as_one_array_and_are_read_one_by_one(registered, receiver):
    registered.parts.deliveries.settings.batch = 3
    tickets = [registered.create_ticket() for _ in range(5)]
    events = events_of(registered, receiver)
    assert {event.ticket_id for event in events} == set(tickets)
    assert len({event.dedupe_key for event in events}) == 5
    assert sorted(len(json.loads(request.body)) for request in receiver.requests) == [2, 3]


def test_a_webhook_without_credentials_is_refused(simulator, receiver):
    provider = HaloPsa()
    webhook = simulator.add_webhook(provider.webhook_url(receiver.url, simulator.link()))
    webhook.authentication_type = 0
    simulator.create_ticket()
    with pytest.raises(SignatureError):
        events_of(simulator, receiver)


def test_a_webhook_to_another_path_is_refused(simulator, receiver):
    simulator.add_webhook(f"{receiver.url}/guess")
    simulator.create_ticket()
    with pytest.raises(SignatureError):
        events_of(simulator, receiver)


@pytest.mark.parametrize("status", [404, 429, 500, 503])
def test_a_refused_webhook_is_not_sent_again(registered, receiver, status):
    receiver.answers = [status]
    registered.create_ticket()
    [delivery] = registered.wait_for_deliveries()
    assert delivery.answer == status
    assert len(receiver.requests) == 1


def test_a_webhook_is_switched_off_after_as_many_failures_in_a_row_as_it_was_told(simulator, receiver):
    webhook = simulator.add_webhook(f"{receiver.url}/x", auto_disable_attempts=2)
    receiver.answers = [500, 202, 500, 500, 202]
    for expected in (True, True, True, False):
        simulator.create_ticket()
        simulator.wait_for_deliveries()
        assert webhook.active is expected
    simulator.create_ticket()
    assert len(simulator.wait_for_deliveries()) == 4


def test_no_webhook_is_fired_during_an_outage_or_later_for_it(registered, receiver):
    registered.set_webhooks(on=False)
    registered.create_ticket()
    registered.set_webhooks(on=True)
    assert registered.wait_for_deliveries() == []
    registered.create_ticket()
    assert len(registered.wait_for_deliveries()) == 1


def test_our_own_writes_fire_webhooks_too_and_are_known_as_own_when_read(registered, receiver):
    ticket_id = registered.create_ticket()
    registered.wait_for_deliveries()
    receiver.reset()
    registered.parts.deliveries.clear()
    client = HaloPsa().client(registered.link())
    client.set_status(ticket_id, "Escalated")
    assert {event.kind for event in events_of(registered, receiver)} == {CHANGED}
    assert client.notes(ticket_id) == []
