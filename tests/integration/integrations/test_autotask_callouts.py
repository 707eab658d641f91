"""Callouts sent by the simulator, verified and read by the provider."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from integrations.autotask import Autotask
from integrations.autotask.simulator import RunningSimulator
from integrations.autotask.simulator.callouts import CalloutSettings
from integrations.autotask.simulator.messages import vendor_json
from integrations.errors import SignatureError, UnsignedNoticeError
from integrations.ports import EventKind, WebhookRequest

pytestmark = pytest.mark.integration

PROVIDER = Autotask()


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    with RunningSimulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(running, receiver):
    running.callouts.settings = CalloutSettings(retry_delays_seconds=(0.02,) * 4)
    running.reset()
    PROVIDER.client(running.link()).register(receiver.url)
    return running


def bodies(requests) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in requests]


def test_every_change_fires_a_callout_that_verifies(simulator, receiver):
    ticket_id = simulator.create_ticket()
    simulator.set_status(ticket_id, "In Progress")
    simulator.wait_for_deliveries()
    note_id = simulator.add_note(ticket_id, "yes")
    simulator.wait_for_deliveries()
    simulator.edit_note(ticket_id, note_id, "no")
    simulator.wait_for_deliveries()
    simulator.delete_ticket(ticket_id)
    requests = receiver.wait_for(5)
    for request in requests:
        PROVIDER.verify(request, simulator.link())
    events = [PROVIDER.parse(request)[0] for request in requests]
    assert [event.kind for event in events] == [
        EventKind.TICKET_CREATED,
        EventKind.TICKET_CHANGED,
        EventKind.TICKET_CHANGED,
        EventKind.TICKET_CHANGED,
        EventKind.TICKET_DELETED,
    ]
    assert {event.ticket_id for event in events} == {ticket_id}
    assert len({event.dedupe_key for event in events}) == 5


def test_fields_are_the_changed_ones_and_those_always_shown(simulator, receiver):
    ticket_id = simulator.create_ticket("VPN down")
    simulator.set_status(ticket_id, "In Progress")
    simulator.wait_for_deliveries()
    note_id = simulator.add_note(ticket_id, "yes")
    simulator.wait_for_deliveries()
    simulator.edit_note(ticket_id, note_id, "no")
    _, changed, _, edited = bodies(receiver.wait_for(4))
    assert changed["Fields"] == {"status": 8}
    assert edited["Fields"] == {"description": "no", "ticketID": int(ticket_id)}


def test_callouts_of_a_webhook_are_numbered_in_order(simulator, receiver):
    for _ in range(5):
        simulator.create_ticket()
    requests = bodies(receiver.wait_for(5))
    assert [request["SequenceNumber"] for request in requests] == [1, 2, 3, 4, 5]
    assert len({request["Guid"] for request in requests}) == 1


def test_text_is_escaped_so_that_only_the_raw_bytes_verify(simulator, receiver):
    simulator.create_ticket('café & <b> "it\'s" `x` a+b \\ 😀')
    [request] = receiver.wait_for(1)
    escaped = rb"caf\u00E9 \u0026 \u003Cb\u003E \u0022it\u0027s\u0022 \u0060x\u0060 a\u002Bb \\ \uD83D\uDE00"
    assert escaped in request.body
    assert bodies([request])[0]["Fields"]["title"] == 'café & <b> "it\'s" `x` a+b \\ 😀'
    anew = json.dumps(json.loads(request.body), separators=(",", ":")).encode()
    with pytest.raises(SignatureError):
        PROVIDER.verify(WebhookRequest(anew, request.headers, request.received_at), simulator.link())


@pytest.mark.parametrize("text", ["\\u00e9", "\\\\", '\\"', "a\\", "\u2028"])
def test_escapes_keep_the_meaning(text):
    assert json.loads(vendor_json({"t": text})) == {"t": text}


def test_a_tampered_callout_is_refused(simulator, receiver):
    simulator.create_ticket()
    [request] = receiver.wait_for(1)
    tampered = request.body.replace(b"Create", b"Delete")
    with pytest.raises(SignatureError):
        PROVIDER.verify(WebhookRequest(tampered, request.headers, request.received_at), simulator.link())


def test_own_changes_are_not_called_out(simulator, receiver):
    ticket_id = simulator.create_ticket()
    PROVIDER.client(simulator.link()).set_status(ticket_id, "Waiting Customer")
    simulator.set_status(ticket_id, "In Progress")
    assert [request["PersonID"] for request in bodies(receiver.wait_for(2))] == [29682885, 29682885]
    assert len(simulator.wait_for_deliveries()) == 2


def test_a_change_of_a_field_nobody_subscribed_to_is_not_called_out(simulator, receiver):
    ticket_id = simulator.create_ticket()
    simulator.world.webhooks["Ticket"][_only(simulator, "Ticket")].fields.clear()
    simulator.set_status(ticket_id, "In Progress")
    assert len(simulator.wait_for_deliveries()) == 1


def _only(simulator, entity):
    [webhook_id] = simulator.world.webhooks[entity]
    return webhook_id


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_a_callout_is_sent_again_with_the_same_bytes_and_the_next_one_waits(simulator, receiver, status):
    receiver.answers = [status, status]
    simulator.create_ticket()
    simulator.create_ticket()
    first, second = simulator.wait_for_deliveries()
    assert (first.answers, second.answers) == ([status, status, 202], [202])
    numbers = [request["SequenceNumber"] for request in bodies(receiver.requests)]
    assert numbers == [1, 1, 1, 2]
    assert len({PROVIDER.parse(request)[0].dedupe_key for request in receiver.requests}) == 2


def test_a_callout_is_given_up_after_five_attempts_and_kept_in_the_error_log(simulator, receiver):
    receiver.answers = [503] * 5
    simulator.create_ticket()
    [delivery] = simulator.wait_for_deliveries()
    assert delivery.answers == [503] * 5
    [log] = simulator.state()["error_logs"]
    assert (log["ticketWebhookID"], log["sequenceNumber"]) == (_only(simulator, "Ticket"), 1)
    assert json.loads(log["payload"])["Action"] == "Create"


def test_many_failures_in_a_row_switch_the_webhook_off_and_are_told_unsigned(simulator, receiver):
    simulator.callouts.settings.most_failures = 2
    receiver.answers = [503] * 10
    simulator.create_ticket()
    simulator.create_ticket()
    *_, told = receiver.wait_for(11)
    assert bodies([told])[0]["Action"] == "Deactivated"
    with pytest.raises(UnsignedNoticeError):
        PROVIDER.verify(told, simulator.link())
    client = PROVIDER.client(simulator.link())
    assert "is switched off" in client.registration(receiver.url).problems[0]
    assert client.register(receiver.url).problems == ()


def test_a_success_between_failures_keeps_the_webhook_on(simulator, receiver):
    simulator.callouts.settings.most_failures = 2
    receiver.answers = [503] * 5 + [202] + [503] * 5
    for _ in range(3):
        simulator.create_ticket()
    simulator.wait_for_deliveries()
    assert PROVIDER.client(simulator.link()).registration(receiver.url).problems == ()


def test_callouts_lost_in_an_outage_leave_a_gap_in_their_numbers(simulator, receiver):
    simulator.create_ticket()
    simulator.wait_for_deliveries()
    simulator.set_webhooks(on=False)
    simulator.create_ticket()
    simulator.set_webhooks(on=True)
    simulator.create_ticket()
    assert [request["SequenceNumber"] for request in bodies(receiver.wait_for(2))] == [1, 3]


def test_one_change_may_fire_several_callouts(simulator, receiver):
    simulator.callouts.settings.copies = 3
    simulator.create_ticket()
    assert len({PROVIDER.parse(request)[0].dedupe_key for request in receiver.wait_for(3)}) == 3
