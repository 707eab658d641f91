"""The registration of callbacks with ConnectWise: one, alive, for every ticket."""

import pytest

from integrations.errors import RejectedError, UnreachableError
from integrations.ports import Registration
from integrations.registry import provider

pytestmark = pytest.mark.integration

PLAIN = "https://tw.example.com/webhooks/connectwise/c1"
URL = f"{PLAIN}?recordId="
OTHER = "https://tw.example.com/webhooks/connectwise/c2?recordId="


@pytest.fixture
def client(simulator):
    return provider("connectwise").client(simulator.link())


def callbacks(simulator) -> list[tuple[str, str, bool]]:
    return [(c["url"], c["level"], c["inactiveFlag"]) for c in simulator.state()["callbacks"]]


def test_the_address_ends_with_the_parameter_that_takes_the_tickets_id(simulator):
    assert provider("connectwise").webhook_url(PLAIN, simulator.link()) == URL


def test_registering_makes_one_callback_for_every_ticket(simulator, client):
    found = client.register(URL)
    assert found == Registration((str(simulator.state()["callbacks"][0]["id"]),))
    assert callbacks(simulator) == [(URL, "owner", False)]


def test_registering_again_changes_nothing(simulator, client):
    first = client.register(URL)
    assert client.register(URL) == first
    assert len(simulator.requests("POST", "/system/callbacks")) == 1
    assert simulator.requests("DELETE") == []


def test_an_inactive_callback_is_a_problem_and_is_replaced(simulator, client):
    [first] = client.register(URL).ids
    simulator.world.callbacks[int(first)].body.inactive_flag = True
    assert "is inactive" in client.registration(URL).problems[0]
    [second] = client.register(URL).ids
    assert second != first
    assert callbacks(simulator) == [(URL, "owner", False)]


def test_strays_of_the_same_connection_are_removed_and_others_left_alone(simulator, client):
    kept = simulator.register_callback(URL)
    simulator.register_callback(PLAIN + "?id=")
    simulator.register_callback(OTHER)
    found = client.registration(URL)
    assert len(found.ids) == 2
    assert "2 callbacks are registered" in found.problems[-1]
    assert client.register(URL) == Registration((str(kept),))
    assert callbacks(simulator) == [(URL, "owner", False), (OTHER, "owner", False)]


def test_a_callback_for_some_tickets_only_is_replaced(simulator, client):
    narrow = simulator.register_callback(URL)
    simulator.world.callbacks[narrow].body.level = "board"
    assert "not for every ticket" in client.registration(URL).problems[0]
    client.register(URL)
    assert callbacks(simulator) == [(URL, "owner", False)]


def test_nothing_registered_is_a_problem(client):
    assert client.registration(URL) == Registration((), ("no callback is registered for this connection",))


@pytest.mark.parametrize("kind", ["lost_answer", "reset"])
def test_a_lost_answer_may_simply_be_tried_again(simulator, client, kind):
    simulator.fault(kind, method="POST")
    with pytest.raises(UnreachableError):
        client.register(URL)
    client.register(URL)
    assert callbacks(simulator) == [(URL, "owner", False)]


def test_what_somebody_else_registered_at_the_same_time_is_taken_as_it_stands(simulator, client):
    exists = {"message": "A matching callback entry already exists", "field": "objectId"}
    body = {"code": "InvalidObject", "message": "callback object is invalid", "errors": [exists]}
    simulator.fault("status", method="POST", status=400, body=body)
    assert client.register(URL).ids == ()


def test_a_refusal_is_raised_in_the_providers_words(simulator, client):
    simulator.fault(
        "status", method="POST", status=400, body={"code": "InvalidObject", "message": "Invalid URL"}
    )
    with pytest.raises(RejectedError, match="Invalid URL"):
        client.register(URL)


def test_a_callback_that_was_removed_meanwhile_is_no_failure(simulator, client):
    simulator.register_callback(PLAIN + "?id=")
    simulator.fault("status", method="DELETE", status=404, body={"code": "NotFound", "message": "gone"})
    assert len(client.register(URL).ids) == 2
