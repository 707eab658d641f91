"""The simulated HaloPSA itself: strict where the real one is, and its control surface."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from integrations.halopsa.simulator import RunningSimulator
from integrations.http import Limits, Outgoing, exchange

pytestmark = pytest.mark.integration

LIMITS = Limits(5, 5, 10, 1 << 20)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    with RunningSimulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(running: RunningSimulator) -> RunningSimulator:
    running.reset()
    return running


def call(
    simulator: RunningSimulator, method: str, path: str, body: Any = None, token: str | None = None
) -> Any:
    """Return (status, JSON or text)."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    raw = b"" if body is None else json.dumps(body).encode()
    url = f"{simulator.base_url}{path}"
    answer = exchange(Outgoing(method, url, headers, raw), limits=LIMITS, allow_private_hosts=True)
    return answer.status, (answer.json() if answer.body else None)


def token_answer(simulator: RunningSimulator, tenant: str = "", **changes: str) -> tuple[int, Any]:
    credentials = simulator.credentials
    form = {
        "grant_type": "client_credentials",
        "client_id": credentials["client_id"],
        "client_secret": credentials["client_secret"],
        "scope": "all",
        **changes,
    }
    url = f"{simulator.base_url}/auth/token{tenant}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    outgoing = Outgoing("POST", url, headers, urlencode(form).encode())
    answer = exchange(outgoing, limits=LIMITS, allow_private_hosts=True)
    return answer.status, answer.json()


@pytest.fixture
def token(simulator: RunningSimulator) -> str:
    status, answer = token_answer(simulator)
    assert status == 200
    found: str = answer["access_token"]
    return found


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "read:actions"}, 400, "invalid_scope"),
        ({"client_id": "x"}, 401, "invalid_client"),
        ({"client_secret": "x"}, 401, "invalid_client"),
    ],
)
def test_a_wrong_token_request_is_refused_as_oauth_says(simulator, changes, status, error):
    found, answer = token_answer(simulator, **changes)
    assert (found, answer["error"]) == (status, error)


@pytest.mark.parametrize("wrong", [None, "", "x"])
def test_without_a_valid_token_nothing_is_answered(simulator, wrong):
    assert call(simulator, "GET", "/api/Tickets", token=wrong)[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/Tickets", {"summary": "an object"}),
        ("POST", "/api/Tickets", [{"summery": "misspelt"}]),
        ("POST", "/api/Tickets", [{"id": "10233", "status_id": 9}]),
        ("POST", "/api/Tickets", [{"details": "no summary"}]),
        ("POST", "/api/Tickets", []),
        ("POST", "/api/Webhook", {"name": "an object"}),
        ("POST", "/api/Webhook", [{"name": "x", "url": "ftp://x"}]),
        ("POST", "/api/Webhook", [{"name": "x", "uri": "https://x"}]),
        ("POST", "/api/Notification", {"webhook_id": "an object"}),
        (
            "POST",
            "/api/Notification",
            [{"webhook_id": "x", "eventno": "3", "type": -2, "delivery_method": 6}],
        ),
        ("GET", "/api/Tickets?page_size=101&pageinate=true", None),
        ("GET", "/api/Tickets?pagesize=10", None),
        ("GET", "/api/Tickets?order=last_action", None),
        ("GET", "/api/Actions", None),
        ("GET", "/api/Actions?ticket_id=1&page_no=2", None),
    ],
)
def test_a_misspelt_field_a_wrong_type_or_an_object_for_an_array_is_refused(
    simulator, token, method, path, body
):
    status, answer = call(simulator, method, path, body, token)
    assert status == 400
    assert answer["message"]


def test_tickets_are_listed_in_pages_with_their_number(simulator, token):
    for number in range(3):
        simulator.create_ticket(str(number))
    simulator.create_ticket("hidden", board="Security")
    path = "/api/Tickets?pageinate=true&page_size=2&page_no=2&order=id&orderdesc=false"
    _, answer = call(simulator, "GET", path, token=token)
    assert answer["record_count"] == 3
    assert [ticket["summary"] for ticket in answer["tickets"]] == ["2"]


def test_dates_carry_no_zone(simulator, token):
    ticket_id = simulator.create_ticket()
    _, ticket = call(simulator, "GET", f"/api/Tickets/{ticket_id}", token=token)
    assert ticket["lastactiondate"][-1].isdigit()
    assert ticket["dateclosed"] == "1899-12-30T00:00:00"


def test_all_written_actions_are_answered_only_on_demand(simulator, token):
    ticket_id = int(simulator.create_ticket())
    body = [{"ticket_id": ticket_id, "outcome_id": 7, "note": text} for text in ("one", "two")]
    assert call(simulator, "POST", "/api/Actions", body, token)[1]["note"] == "two"
    assert len(call(simulator, "POST", "/api/Actions?returnall=true", body, token)[1]) == 2


def test_a_technician_can_be_acted_through_the_control_surface(simulator):
    _, ticket = call(
        simulator, "POST", "/_simulator/tickets", {"summary": "VPN down", "assigned_to": "asmith"}
    )
    path = f"/_simulator/tickets/{ticket['id']}"
    assert call(simulator, "POST", f"{path}/notes", {"text": "yes", "member": "18"})[0] == 201
    assert call(simulator, "POST", f"{path}/notes/2", {"text": "no"})[0] == 200
    assert call(simulator, "POST", f"{path}/status", {"status": "Closed"})[1]["status_id"] == 9
    assert call(simulator, "POST", f"{path}/assign", {"assigned_to": "17"})[1]["agent_id"] == 17
    _, state = call(simulator, "GET", "/_simulator/state")
    notes = [action["note"] for action in state["tickets"][0]["actions"]]
    assert "no" in notes
    assert call(simulator, "DELETE", path)[0] == 204
    assert call(simulator, "GET", "/_simulator/state")[1] == {"tickets": [], "webhooks": []}


def test_sending_and_limits_are_set_through_the_control_surface(simulator, token):
    assert call(simulator, "POST", "/_simulator/settings", {"payload": "full", "batch": 2})[0] == 200
    assert simulator.parts.deliveries.settings.batch == 2
    assert call(simulator, "POST", "/_simulator/limit", {"per_minute": 0})[0] == 204
    assert call(simulator, "GET", "/api/Status", token=token)[0] == 429
    assert call(simulator, "POST", "/_simulator/revoke-tokens")[0] == 204
    assert call(simulator, "POST", "/_simulator/reset")[0] == 204
    assert call(simulator, "GET", "/api/Status", token=token)[0] == 401


def test_a_call_over_the_limit_is_logged(simulator, token):
    simulator.limit_calls(0)
    call(simulator, "GET", "/api/Status", token=token)
    assert [request.status for request in simulator.requests("GET", "/Status")] == [429]
