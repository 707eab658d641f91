"""What the ConnectWise simulator offers beyond the API: to tests as an object, to people over HTTP."""

from typing import Any

import pytest
import requests

from integrations.errors import ThrottledError
from integrations.registry import provider
from integrations.simulation.stand_in import StandIn

pytestmark = pytest.mark.integration

API = "/v4_6_release/apis/3.0"


@pytest.fixture
def client(simulator):
    return provider("connectwise").client(simulator.link())


@pytest.fixture
def control(simulator):
    def post(path: str, json: Any) -> requests.Response:
        answer = requests.post(f"{simulator.base_url}/_simulator{path}", json=json, timeout=20)
        answer.raise_for_status()
        return answer

    return post


def test_it_is_a_stand_in(simulator):
    stand_in: StandIn = simulator
    assert stand_in.webhook_secrets == ()


def test_an_edited_note_shows_its_new_text_and_saves_the_ticket(simulator, receiver):
    ticket_id = simulator.create_ticket()
    note_id = simulator.add_note(ticket_id, "yse", member="asmith")
    simulator.register_callback(receiver.url)
    simulator.edit_note(ticket_id, note_id, "yes", member="asmith")
    assert simulator.note_texts(ticket_id) == ["yes"]
    [delivery] = simulator.wait_for_deliveries()
    assert delivery.action == "updated"


def test_a_merged_ticket_names_the_one_that_took_its_place(simulator, client, receiver):
    ticket_id, other = simulator.create_ticket(), simulator.create_ticket()
    simulator.register_callback(receiver.url)
    simulator.merge_ticket(ticket_id, into=other)
    merged, kept = client.ticket(ticket_id), client.ticket(other)
    assert (merged.merged_into, merged.closed) == (other, True)
    assert (kept.merged_into, kept.closed) == (None, False)
    assert {delivery.ticket_id for delivery in simulator.wait_for_deliveries()} == {
        int(ticket_id),
        int(other),
    }


def test_calls_over_the_limit_are_told_how_long_to_wait(simulator, client):
    simulator.limit_calls(2)
    client.check()
    client.check()
    with pytest.raises(ThrottledError, match="Too many requests") as throttled:
        client.check()
    assert 55 < throttled.value.retry_after.total_seconds() <= 60
    simulator.limit_calls(None)
    client.check()


def test_neither_the_control_surface_nor_the_signing_key_is_limited(simulator, control):
    simulator.limit_calls(0)
    assert control("/tickets", {"summary": "VPN down"}).status_code == 201
    key = requests.get(f"{simulator.base_url}/v2025_1//system/callbackkey/index.rails", timeout=20)
    assert key.status_code == 200


def test_no_webhook_is_fired_while_they_are_off(simulator, receiver):
    simulator.register_callback(receiver.url)
    simulator.set_webhooks(on=False)
    simulator.create_ticket("one")
    simulator.set_webhooks(on=True)
    simulator.create_ticket("two")
    assert [delivery.ticket_id for delivery in simulator.wait_for_deliveries()] == [48214]


def test_a_callback_that_fails_for_days_turns_inactive(simulator, receiver, client):
    receiver.answers = [500, 500]
    simulator.callbacks.settings.disabled_after_seconds = 0
    simulator.register_callback(receiver.url)
    simulator.create_ticket()
    simulator.wait_for_deliveries()
    assert simulator.state()["callbacks"][0]["inactiveFlag"] is True
    simulator.create_ticket()
    assert len(simulator.wait_for_deliveries()) == 1
    assert "inactive" in client.registration(receiver.url).problems[0]


def test_a_success_in_between_starts_the_days_anew(simulator, receiver, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(simulator.callbacks, "_clock", lambda: now[0])
    simulator.callbacks.settings.disabled_after_seconds = 100
    simulator.register_callback(receiver.url)
    for at, answer in ((0, 500), (90, 202), (110, 500), (200, 500)):
        now[0] = at
        receiver.answers = [answer]
        simulator.create_ticket()
        simulator.wait_for_deliveries()
    assert simulator.state()["callbacks"][0]["inactiveFlag"] is False


def test_people_can_do_over_http_what_tests_can_do(simulator, control):
    ticket = control("/tickets", {"summary": "VPN down"}).json()["id"]
    other = control("/tickets", {"summary": "VPN slow"}).json()["id"]
    note = control(f"/tickets/{ticket}/notes", {"text": "yse"}).json()["id"]
    control(f"/tickets/{ticket}/notes/{note}", {"text": "yes"})
    control(f"/tickets/{ticket}/merge", {"into": other})
    control("/settings", {"on": False, "disabled_after_seconds": 5})
    control("/limit", {"per_minute": 0})
    assert simulator.note_texts(str(ticket)) == ["yes"]
    assert simulator.ticket(str(ticket))["mergedParentTicket"]["id"] == other
    assert simulator.callbacks.settings.on is False
    with pytest.raises(ThrottledError):
        provider("connectwise").client(simulator.link()).check()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/service/tickets", [{"summary": "x"}]),
        ("POST", "/service/tickets", {"sumary": "x"}),
        ("POST", "/service/tickets", {"summary": 5}),
        ("POST", "/service/tickets", {"summary": "x", "board": "Help Desk"}),
        ("PATCH", "/service/tickets/48213", {"op": "replace", "path": "summary", "value": "x"}),
        ("PATCH", "/service/tickets/48213", [{"op": "replace", "path": "status", "value": 101}]),
        ("PATCH", "/service/tickets/48213", [{"op": "set", "path": "summary", "value": "x"}]),
        ("PATCH", "/service/tickets/48213", [{"op": "replace", "Path": "summary", "value": "x"}]),
        ("POST", "/system/callbacks", [{"url": "https://x.example/"}]),
        ("POST", "/system/callbacks", {"url": "https://x.example/", "objectId": "1"}),
        ("PATCH", "/system/callbacks/1", [{"op": "replace", "path": "inactive", "value": True}]),
        ("PATCH", "/system/callbacks/1", [{"op": "replace", "path": "inactiveFlag", "value": "no"}]),
    ],
    ids=str,
)
def test_misspelt_mistyped_and_misshapen_bodies_get_the_providers_error(simulator, method, path, body):
    simulator.register_callback("https://tw.example.com/in")
    assert simulator.create_ticket() == "48213"
    headers = {"clientId": "any"}
    answer = requests.request(
        method,
        simulator.base_url + API + path,
        json=body,
        headers=headers,
        auth=("acme+pub", "priv"),
        timeout=20,
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidObject")
    assert answer.json()["errors"][0].keys() == {"code", "message", "resource", "field"}


def test_a_second_callback_like_one_that_stands_is_refused(simulator):
    simulator.register_callback("https://tw.example.com/in")
    body = {"url": "https://tw.example.com/in?recordId=", "objectId": 1, "type": "ticket", "level": "owner"}
    answer = requests.post(
        f"{simulator.base_url}{API}/system/callbacks",
        json=body,
        headers={"clientId": "any"},
        auth=("acme+pub", "priv"),
        timeout=20,
    )
    assert answer.json()["errors"][0]["code"] == "ObjectExists"


def test_a_ticket_merged_into_one_that_is_not_there_is_refused(simulator):
    ticket_id = simulator.create_ticket()
    answer = requests.post(
        f"{simulator.base_url}/_simulator/tickets/{ticket_id}/merge", json={"into": 1}, timeout=20
    )
    assert answer.status_code == 404
