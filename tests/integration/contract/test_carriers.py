"""Providers that carry commands: no PSA behind them, so only what comes in and what goes out."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integrations.errors import AmbiguousError, RejectedError, SignatureError, ThrottledError
from integrations.ports import EventKind, TimePush, WebhookRequest
from integrations.registry import PROVIDERS
from integrations.standard.simulator import RunningStandardSimulator
from tests.integration.contract.conftest import MARKER, START, note
from tests.integration.receiving import Receiver

pytestmark = pytest.mark.integration

STANDARD = PROVIDERS["standard"]


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[RunningStandardSimulator, Receiver]]:
    with RunningStandardSimulator() as simulator, Receiver("/webhooks/standard/c1") as receiver:
        yield simulator, receiver


@pytest.fixture
def simulator(running) -> RunningStandardSimulator:
    made: RunningStandardSimulator = running[0]
    made.reset()
    return made


@pytest.fixture
def delivery(simulator, running) -> WebhookRequest:
    """A real command of the simulator."""
    receiver = running[1]
    receiver.reset()
    simulator.send_command(receiver.url, "session.start", {"ticket_id": "7"}, "msg_1")
    found: WebhookRequest = receiver.wait_for(1)[0]
    return found


@pytest.fixture
def client(simulator):
    return STANDARD.client(simulator.link())


def test_the_standard_is_the_only_one_of_them():
    assert [name for name, provider in PROVIDERS.items() if provider.carries_commands] == ["standard"]


def test_a_real_delivery_verifies_and_carries_its_command(simulator, delivery):
    STANDARD.verify(delivery, simulator.link())
    [event] = STANDARD.parse(delivery)
    assert (event.kind, event.dedupe_key, event.ticket_id) == (EventKind.COMMAND, "msg_1", "7")
    assert event.command == {"type": "session.start", "data": {"ticket_id": "7"}}


def test_every_single_byte_counts(simulator, delivery):
    for place in range(len(delivery.body)):
        body = delivery.body[:place] + bytes([delivery.body[place] ^ 1]) + delivery.body[place + 1 :]
        with pytest.raises(SignatureError):
            STANDARD.verify(replace(delivery, body=body), simulator.link())


def test_a_body_written_anew_is_refused(simulator, delivery):
    anew = json.dumps(json.loads(delivery.body), indent=1).encode()
    with pytest.raises(SignatureError):
        STANDARD.verify(replace(delivery, body=anew), simulator.link())


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_or_tampered_header_is_refused(simulator, delivery, header):
    for value in ("", f"{delivery.headers[header]}x"):
        headers = {**delivery.headers, header: value}
        with pytest.raises(SignatureError):
            STANDARD.verify(replace(delivery, headers=headers), simulator.link())


def test_a_note_whose_answer_is_lost_is_ambiguous_and_a_repeat_is_dropped(simulator, client):
    push = note("7")
    body = client.prepare_note(push)
    simulator.fault("lost_answer", method="POST")
    with pytest.raises(AmbiguousError):
        client.send_note(push, body)
    client.send_note(push, body)
    assert [message["repeats"] for message in simulator.received()] == [1]


def test_too_many_calls_are_told_how_long_to_wait(simulator, client):
    simulator.limit_calls(0)
    with pytest.raises(ThrottledError) as throttled:
        client.send_note(note("7"), client.prepare_note(note("7")))
    assert timedelta(0) < throttled.value.retry_after <= timedelta(seconds=60)
    assert simulator.received() == []


def test_the_pace_is_asked_before_anything_is_sent(simulator):
    full = ThrottledError("the share of this hour is used up", retry_after=timedelta(seconds=90))

    def refuse() -> None:
        raise full

    client = STANDARD.client(replace(simulator.link(), pace=refuse))
    with pytest.raises(ThrottledError) as throttled:
        client.send_note(note("7"), client.prepare_note(note("7")))
    assert throttled.value is full
    assert simulator.requests() == []


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.ticket("7"),
        lambda client: client.notes("7"),
        lambda client: client.find_note("7", MARKER),
        lambda client: client.set_status("7", "New"),
        lambda client: client.find_time("7", MARKER),
        lambda client: client.changed_since(datetime.now(UTC)),
        lambda client: client.registration("https://tw.example.com/webhooks/standard/c1"),
        lambda client: client.register("https://tw.example.com/webhooks/standard/c1"),
    ],
    ids=[
        "ticket",
        "notes",
        "find_note",
        "set_status",
        "find_time",
        "changed_since",
        "registration",
        "register",
    ],
)
def test_what_only_a_psa_has_is_rejected_in_a_plain_sentence(client, call):
    with pytest.raises(RejectedError, match="only receives and sends webhooks"):
        call(client)


def test_time_is_rejected_too(client):
    entry = TimePush("e", "7", "jdoe", START, START, MARKER)
    for call in (lambda: client.prepare_time(entry), lambda: client.send_time(entry, b"{}")):
        with pytest.raises(RejectedError, match="cannot be entered"):
            call()


def test_the_address_is_given_as_it_is(simulator):
    url = "https://tw.example.com/webhooks/standard/c1"
    assert STANDARD.webhook_url(url, simulator.link()) == url
