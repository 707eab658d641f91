"""What the Zendesk simulator offers to people over HTTP, and where it is as strict as Zendesk."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from integrations.simulation.stand_in import StandIn
from integrations.zendesk.simulator import RunningSimulator
from tests.integration.receiving import Receiver

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    with RunningSimulator() as simulator:
        yield simulator


@pytest.fixture
def zendesk(running: RunningSimulator) -> RunningSimulator:
    running.reset()
    return running


def ask(zendesk: RunningSimulator, method: str, path: str, body: Any = None) -> requests.Response:
    credentials = zendesk.credentials
    auth = (f"{credentials['email']}/token", credentials["api_token"])
    return requests.request(method, zendesk.base_url + path, json=body, auth=auth, timeout=20)


def test_it_is_a_stand_in(zendesk):
    stand_in: StandIn = zendesk
    assert stand_in.webhook_secrets == ()


def test_people_can_act_as_a_technician(zendesk):
    new = {"summary": "VPN down", "assigned_to": "asmith", "priority": "High", "company": "Customer Ltd"}
    ticket_id = ask(zendesk, "POST", "/_simulator/tickets", new).json()["id"]
    for path, body in (
        ("notes", {"text": "yes"}),
        ("notes", {"text": "still broken", "contact": "Bob"}),
        ("status", {"status": "Pending"}),
        ("assign", {"assigned_to": "jdoe"}),
    ):
        assert ask(zendesk, "POST", f"/_simulator/tickets/{ticket_id}/{path}", body).ok
    [ticket] = ask(zendesk, "GET", "/_simulator/state").json()["tickets"]
    assert (ticket["status"], ticket["priority"], ticket["assignee_id"]) == ("pending", "high", 101)
    assert [comment["body"] for comment in ticket["comments"]] == ["VPN down", "yes", "still broken"]
    assert [comment["public"] for comment in ticket["comments"]] == [True, False, True]


def test_the_state_shows_no_signing_secret(zendesk):
    with Receiver("/webhooks/zendesk/c1") as receiver:
        from_client = {"name": "x", "status": "active", "endpoint": receiver.url, "http_method": "POST"}
        rest = {"request_format": "json", "subscriptions": ["zen:event-type:ticket.created"]}
        assert (
            ask(zendesk, "POST", "/api/v2/webhooks", {"webhook": {**from_client, **rest}}).status_code == 201
        )
    [webhook] = zendesk.parts.world.webhooks.values()
    assert webhook.secret not in ask(zendesk, "GET", "/_simulator/state").text


def test_settings_and_reset_are_offered(zendesk):
    zendesk.create_ticket()
    assert ask(zendesk, "POST", "/_simulator/settings", {"retry_seconds": 0.5}).ok
    assert zendesk.parts.settings.retry_seconds == 0.5
    assert ask(zendesk, "POST", "/_simulator/reset").status_code == 204
    assert ask(zendesk, "GET", "/_simulator/state").json() == {"tickets": [], "webhooks": []}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"ticket": {"comment": {"Body": "x", "public": False}}}, 422),
        ({"ticket": {"comment": {"body": "x", "public": "no"}}}, 422),
        ({"ticket": {"comment": {"body": "x" * 65_536}}}, 422),
        ({"ticket": {"status": "Solved"}}, 422),
        ({"ticket": {}}, 422),
    ],
)
def test_an_update_that_does_not_fit_is_refused(zendesk, body, status):
    answer = ask(zendesk, "PUT", f"/api/v2/tickets/{zendesk.create_ticket()}", body)
    assert (answer.status_code, answer.json()["error"]) == (status, "RecordInvalid")


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/api/v2/tickets/1", 404, "RecordNotFound"),
        ("/api/v2/nothing", 404, "InvalidEndpoint"),
        ("/api/v2/incremental/tickets/cursor?start_time=9999999999", 400, "StartTimeTooRecent"),
    ],
)
def test_a_refusal_names_its_kind(zendesk, path, status, error):
    answer = ask(zendesk, "GET", path)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_nobody_at_all_is_an_end_user_without_an_id(zendesk):
    answer = requests.get(f"{zendesk.base_url}/api/v2/users/me", timeout=20)
    assert (answer.status_code, answer.json()["user"]["id"]) == (200, None)
