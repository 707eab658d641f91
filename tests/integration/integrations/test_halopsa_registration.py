"""Registering with HaloPSA: missing, switched off, twice, at an old address; and again."""

from collections.abc import Iterator

import pytest

from integrations.errors import CallError, RejectedError, UnreachableError
from integrations.halopsa import HaloPsa
from integrations.halopsa.simulator import RunningSimulator
from integrations.halopsa.simulator.directory import EventNumber
from integrations.ports import PsaClient

pytestmark = pytest.mark.integration

PLAIN = "https://tw.example.com/webhooks/halopsa/connection-1"


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


@pytest.fixture
def url(simulator: RunningSimulator) -> str:
    return HaloPsa().webhook_url(PLAIN, simulator.link())


def test_nothing_registered_is_a_problem(client, url):
    found = client.registration(url)
    assert found.ids == ()
    assert found.problems == ("HaloPSA has no webhook for this connection",)


def test_registering_makes_one_webhook_with_basic_credentials_and_every_event(simulator, client, url):
    made = client.register(url)
    [webhook] = simulator.world.webhooks.values()
    assert (made.ids, made.problems) == ((webhook.id,), ())
    assert (webhook.url, webhook.active, webhook.authentication_type) == (url, True, 1)
    assert f"{webhook.basic_username}:{webhook.basic_password}" == simulator.webhook_secrets[0]
    assert {number for _, number in webhook.events} == {event.value for event in EventNumber}
    assert webhook.auto_disable_attempts == 0


def test_registering_twice_keeps_one_webhook_and_one_of_each_event(simulator, client, url):
    first = client.register(url)
    assert client.register(url) == first
    [webhook] = simulator.world.webhooks.values()
    assert len(webhook.events) == len(EventNumber)


def test_a_webhook_that_is_switched_off_is_a_problem_and_is_switched_on_again(simulator, client, url):
    [webhook_id] = client.register(url).ids
    simulator.world.webhooks[webhook_id].active = False
    assert client.registration(url).problems == ("the webhook is switched off",)
    assert client.register(url).problems == ()
    assert simulator.world.webhooks[webhook_id].active


def test_a_second_webhook_is_a_problem_and_is_removed(simulator, client, url):
    [webhook_id] = client.register(url).ids
    simulator.add_webhook(url)
    assert "2 webhooks for this connection" in client.registration(url).problems[0]
    assert client.register(url).ids == (webhook_id,)
    assert list(simulator.world.webhooks) == [webhook_id]


def test_a_missing_event_is_a_problem_and_is_attached(simulator, client, url):
    [webhook_id] = client.register(url).ids
    webhook = simulator.world.webhooks[webhook_id]
    webhook.events = [pair for pair in webhook.events if pair[1] not in {76, 1072}]
    assert client.registration(url).problems == ("the webhook does not fire for the events 76, 1072",)
    assert client.register(url).problems == ()


def test_events_that_halopsa_does_not_show_are_a_problem_and_are_not_attached_twice(simulator, client, url):
    [webhook_id] = client.register(url).ids
    bare = {**simulator.world.webhooks[webhook_id].as_json()}
    simulator.fault("status", method="GET", path=f"*/Webhook/{webhook_id}", status=200, body=bare, times=2)
    assert "does not show which events" in client.register(url).problems[0]
    assert len(simulator.world.webhooks[webhook_id].events) == len(EventNumber)


def test_only_the_events_of_the_connection_are_asked_for(simulator, url):
    client = HaloPsa().client(simulator.link(event_numbers="3,39"))
    client.register(url)
    [webhook] = simulator.world.webhooks.values()
    assert [number for _, number in webhook.events] == [3, 39]


def test_other_credentials_are_a_problem_and_are_written_anew(simulator, client, url):
    [webhook_id] = client.register(url).ids
    webhook = simulator.world.webhooks[webhook_id]
    webhook.basic_username = "stranger"
    assert client.registration(url).problems == ("the webhook does not send the connection's user name",)
    webhook.basic_username, webhook.authentication_type = "ticketwalk", 0
    assert client.registration(url).problems == ("the webhook does not send the connection's user name",)
    webhook.basic_password = "forgotten"
    assert client.register(url).problems == ()
    assert f"{webhook.basic_username}:{webhook.basic_password}" == simulator.webhook_secrets[0]


def test_after_a_new_secret_the_webhook_moves_to_its_new_address(simulator, client, url):
    client.register(url)
    link = simulator.link()
    rotated = type(link)(
        link.connection_id,
        link.base_url,
        link.credentials,
        ("ticketwalk:a-secret-that-is-new", *link.webhook_secrets),
        allow_private_hosts=True,
    )
    provider = HaloPsa()
    moved = provider.webhook_url(PLAIN, rotated)
    assert moved != url
    assert provider.client(rotated).registration(moved).problems == (
        "the webhook has an address that is no longer valid",
    )
    assert provider.client(rotated).register(moved).problems == ()
    [webhook] = simulator.world.webhooks.values()
    assert (webhook.url, webhook.basic_password) == (moved, "a-secret-that-is-new")


def test_webhooks_of_others_are_left_alone(simulator, client, url):
    others = [
        simulator.add_webhook("https://tw.example.com/webhooks/halopsa/connection-10/word"),
        simulator.add_webhook("https://other.example.com/hook"),
    ]
    client.register(url)
    assert {other.id for other in others} < set(simulator.world.webhooks)
    assert len(simulator.world.webhooks) == 3


@pytest.mark.parametrize("path", ["*/Webhook", "*/Notification"])
@pytest.mark.parametrize("kind", ["lost_answer", "reset"])
def test_a_lost_answer_is_unreachable_and_registering_again_leaves_one(simulator, client, url, kind, path):
    simulator.fault(kind, method="POST", path=path)
    with pytest.raises(UnreachableError):
        client.register(url)
    assert client.register(url).problems == ()
    [webhook] = simulator.world.webhooks.values()
    assert len(webhook.events) == len(EventNumber)


def test_an_event_that_this_version_does_not_have_is_rejected(simulator, url):
    client = HaloPsa().client(simulator.link(event_numbers="3,4711"))
    with pytest.raises(RejectedError, match="no event 4711"):
        client.register(url)


def test_no_secret_is_in_any_problem_or_error(simulator, client, url):
    simulator.add_webhook(PLAIN + "/an-old-path-word", "someone:a-password-of-old")
    problems = client.registration(url).problems
    assert problems
    simulator.fault("status", method="POST", path="*/Webhook", status=400, body={"message": "no"})
    with pytest.raises(CallError) as refused:
        client.register(url)
    shown = repr(problems) + str(refused.value)
    password = simulator.webhook_secrets[0].partition(":")[2]
    for hidden in (password, "an-old-path-word", "a-password-of-old", url.rpartition("/")[2]):
        assert hidden not in shown
