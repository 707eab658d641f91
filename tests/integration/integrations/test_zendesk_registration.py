"""The webhook is registered once, mended where it is wrong, and only its own secret is believed."""

from collections.abc import Iterator

import pytest

from integrations.errors import CallError, KeyUnavailableError, SignatureError
from integrations.zendesk import Zendesk, fetching
from integrations.zendesk.client import ZendeskClient
from integrations.zendesk.fetching import SecretsUnavailableError, fetch_secrets
from integrations.zendesk.registration import SUBSCRIPTIONS
from integrations.zendesk.signing import SigningSecrets
from integrations.zendesk.simulator import RunningSimulator
from integrations.zendesk.simulator.bodies import WebhookBody
from tests.integration.receiving import Receiver

pytestmark = pytest.mark.integration

CONNECTION = "00000000-0000-0000-0000-000000000001"


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[RunningSimulator, Receiver]]:
    with RunningSimulator() as simulator, Receiver(f"/webhooks/zendesk/{CONNECTION}") as receiver:
        yield simulator, receiver


@pytest.fixture
def zendesk(running: tuple[RunningSimulator, Receiver]) -> RunningSimulator:
    running[0].reset()
    running[0].parts.settings.retry_seconds = 0
    return running[0]


@pytest.fixture
def receiver(running: tuple[RunningSimulator, Receiver]) -> Receiver:
    running[1].reset()
    return running[1]


@pytest.fixture
def client(zendesk: RunningSimulator) -> ZendeskClient:
    return Zendesk().client(zendesk.link(CONNECTION))


def stand(zendesk: RunningSimulator, endpoint: str, **changes: object) -> str:
    """Register a webhook by hand."""
    body = {"name": "by hand", "status": "active", "endpoint": endpoint, "http_method": "POST"}
    rest = {"request_format": "json", "subscriptions": list(SUBSCRIPTIONS)}
    return zendesk.parts.world.register(WebhookBody.model_validate({**body, **rest, **changes})).id


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"status": "inactive"}, "is not active"),
        ({"http_method": "GET"}, "does not POST JSON"),
        ({"request_format": "xml"}, "does not POST JSON"),
        ({"subscriptions": list(SUBSCRIPTIONS[1:])}, f"is not subscribed to {SUBSCRIPTIONS[0]}"),
    ],
)
def test_a_webhook_that_is_wrong_is_named_and_replaced(client, zendesk, receiver, changes, problem):
    wrong = stand(zendesk, receiver.url, **changes)
    assert client.registration(receiver.url).problems == (f"webhook {wrong} {problem}",)
    mended = client.register(receiver.url)
    assert mended.problems == ()
    assert list(zendesk.parts.world.webhooks) == list(mended.ids) != [wrong]


def test_a_webhook_that_is_wrong_stands_where_its_successor_is_refused(client, zendesk, receiver):
    wrong = stand(zendesk, receiver.url, subscriptions=list(SUBSCRIPTIONS[1:]))
    zendesk.fault("status", method="POST", path="*/webhooks", status=422)
    with pytest.raises(CallError):
        client.register(receiver.url)
    assert list(zendesk.parts.world.webhooks) == [wrong]


def test_of_two_that_are_right_the_first_stays(client, zendesk, receiver):
    first, _second = stand(zendesk, receiver.url), stand(zendesk, receiver.url)
    assert client.registration(receiver.url).problems == (
        "2 webhooks are registered for this connection; one is enough",
    )
    assert client.register(receiver.url).ids == (first,)


def test_webhooks_of_others_are_left_alone(client, zendesk, receiver):
    other = stand(zendesk, f"{receiver.url}-of-another")
    [own] = client.register(receiver.url).ids
    assert list(zendesk.parts.world.webhooks) == [other, own]


def test_a_webhook_behind_a_hundred_others_is_found(client, zendesk, receiver):
    for number in range(100):
        stand(zendesk, f"https://other.example/{number}", status="inactive")
    own = stand(zendesk, receiver.url)
    assert client.register(receiver.url).ids == (own,)
    zendesk.create_ticket()
    zendesk.wait_for_deliveries()
    Zendesk().verify(receiver.requests[0], zendesk.link(CONNECTION))


def test_a_registration_whose_answer_is_lost_is_not_made_twice(client, zendesk, receiver):
    zendesk.fault("lost_answer", method="POST", path="*/webhooks")
    with pytest.raises(Exception, match="closed"):
        client.register(receiver.url)
    assert len(client.register(receiver.url).ids) == 1
    assert len(zendesk.parts.world.webhooks) == 1


def test_the_secret_of_another_integrations_webhook_proves_nothing(zendesk, receiver):
    """Whoever runs that other integration knows its secret, and could sign whatever they like with it."""
    stand(zendesk, receiver.url.replace(CONNECTION, "another"))
    zendesk.create_ticket()
    zendesk.wait_for_deliveries()
    with pytest.raises(SignatureError):
        Zendesk().verify(receiver.requests[0], zendesk.link(CONNECTION))


def test_a_new_webhook_has_a_new_secret_and_its_deliveries_are_believed(client, zendesk, receiver):
    now = [1_000.0]
    provider = Zendesk(SigningSecrets(clock=lambda: now[0]))
    client.register(receiver.url)
    zendesk.create_ticket()
    zendesk.wait_for_deliveries()
    provider.verify(receiver.requests[0], zendesk.link(CONNECTION))
    zendesk.parts.world.webhooks.clear()
    client.register(receiver.url)
    zendesk.create_ticket()
    zendesk.wait_for_deliveries()
    now[0] += 30
    provider.verify(receiver.requests[1], zendesk.link(CONNECTION))


@pytest.mark.parametrize("path", ["*/webhooks", "*/signing_secret"])
def test_a_secret_that_cannot_be_had_just_now_is_no_forgery(client, zendesk, receiver, path):
    client.register(receiver.url)
    zendesk.create_ticket()
    zendesk.wait_for_deliveries()
    zendesk.fault("status", path=path, status=503)
    with pytest.raises(KeyUnavailableError) as unavailable:
        Zendesk().verify(receiver.requests[0], zendesk.link(CONNECTION))
    assert zendesk.credentials["api_token"] not in str(unavailable.value)


@pytest.mark.parametrize(
    ("kind", "options", "pause"),
    [
        ("status", {"status": 503}, 30),
        ("status", {"status": 401}, 30),
        ("status", {"status": 200, "body": "no JSON"}, 30),
        ("status", {"status": 429, "retry_after": 7}, 30),
        ("status", {"status": 429, "retry_after": 90}, 90),
        ("reset", {}, 2),
    ],
)
def test_after_any_answer_the_secrets_are_left_alone_for_half_a_minute_or_longer(
    zendesk, kind, options, pause
):
    zendesk.fault(kind, path="*/webhooks", **options)
    with pytest.raises(SecretsUnavailableError) as unavailable:
        fetch_secrets(zendesk.link(CONNECTION))
    assert unavailable.value.pause_seconds == pause


def test_a_second_call_that_is_not_answered_follows_one_that_was(client, zendesk, receiver):
    client.register(receiver.url)
    zendesk.fault("reset", path="*/signing_secret")
    with pytest.raises(SecretsUnavailableError) as unavailable:
        fetch_secrets(zendesk.link(CONNECTION))
    assert unavailable.value.pause_seconds == 30


def test_all_calls_of_a_fetch_have_one_deadline(client, zendesk, receiver, monkeypatch):
    monkeypatch.setattr(fetching, "TOTAL_SECONDS", 0.5)
    client.register(receiver.url)
    for path in ("*/webhooks", "*/signing_secret"):
        zendesk.fault("delay", path=path, delay_seconds=0.4)
    with pytest.raises(SecretsUnavailableError, match="took longer than"):
        fetch_secrets(zendesk.link(CONNECTION))


def test_a_delivery_that_was_refused_for_now_comes_again_with_the_same_key(client, zendesk, receiver):
    client.register(receiver.url)
    receiver.answers = [409, 409]
    zendesk.create_ticket()
    [delivery] = zendesk.wait_for_deliveries()
    assert delivery.answers == [409, 409, 202]
    assert len({Zendesk().parse(request)[0].dedupe_key for request in receiver.requests}) == 1


@pytest.mark.parametrize(("status", "times"), [(401, 1), (500, 1), (503, 1), (409, 4)])
def test_zendesk_sends_again_only_after_some_answers(client, zendesk, receiver, status, times):
    client.register(receiver.url)
    receiver.answers = [status] * 9
    zendesk.create_ticket()
    [delivery] = zendesk.wait_for_deliveries()
    assert delivery.answers == [status] * times
