"""The simulator refuses what Autotask refuses, as Autotask refuses it."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from integrations.autotask.simulator import RunningSimulator
from integrations.autotask.simulator.limits import held_back
from integrations.simulation.stand_in import StandIn

pytestmark = pytest.mark.integration

API = "/atservicesrest/v1.0"
HEADERS = {"ApiIntegrationCode": "TRACKING-CODE", "UserName": "api@acme.example", "Secret": "api-secret"}
NOTE = {"title": "x", "description": "x", "noteType": 3, "publish": 2}
TIME = {
    "resourceID": 29682885,
    "roleID": 29683466,
    "dateWorked": "2026-09-15T00:00:00Z",
    "startDateTime": "2026-09-15T14:00:00Z",
    "endDateTime": "2026-09-15T14:30:00Z",
    "hoursWorked": 0.5,
    "summaryNotes": "x",
}
WEBHOOK = {
    "Name": "x",
    "IsActive": True,
    "WebhookUrl": "https://x.example/in",
    "DeactivationUrl": "https://x.example/off",
    "SecretKey": "s",
    "IsSubscribedToCreateEvents": True,
}
BY_ID = [{"op": "gt", "field": "id", "value": 0}]


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    with RunningSimulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(running):
    running.reset()
    return running


@pytest.fixture
def call(simulator):
    def send(method: str, path: str, body: Any = None, headers: dict[str, str] | None = None):
        given = HEADERS if headers is None else headers
        url = path if path.startswith("http") else simulator.base_url + path
        return requests.request(method, url, json=body, headers=given, timeout=20)

    return send


@pytest.fixture
def ticket(simulator) -> int:
    return int(simulator.create_ticket())


def test_the_running_simulator_offers_what_every_stand_in_does(simulator):
    stand_in: StandIn = simulator
    assert stand_in.webhook_secrets


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("value", [None, "wrong"])
def test_a_call_without_the_right_credentials_is_refused(call, name, value):
    headers = {key: text for key, text in {**HEADERS, name: value}.items() if text is not None}
    answer = call("GET", f"{API}/ThresholdInformation", headers=headers)
    assert (answer.status_code, list(answer.json())) == (401, ["errors"])


def test_the_zone_is_told_without_credentials_and_only_of_a_known_user(call, simulator):
    known = call("GET", f"{API}/zoneInformation?user=API@acme.example", headers={})
    assert known.json()["url"] == f"{simulator.base_url}/atservicesrest/"
    assert call("GET", f"{API}/zoneInformation?user=x", headers={}).status_code == 500


def test_notes_are_made_below_their_ticket_only(call, ticket):
    assert call("POST", f"{API}/TicketNotes", NOTE).status_code == 404
    assert list(call("POST", f"{API}/Tickets/{ticket}/Notes", NOTE).json()) == ["itemId"]


def test_a_ticket_is_changed_on_the_collection_only(call, simulator, ticket):
    assert call("PATCH", f"{API}/Tickets/{ticket}", {"status": 8}).status_code == 405
    assert call("PATCH", f"{API}/Tickets", {"id": ticket, "status": 8}).status_code == 200
    assert simulator.status_of(str(ticket)) == "In Progress"


def test_a_missing_record_is_an_item_that_is_null(call):
    for entity in ("Tickets", "TicketNotes", "TimeEntries", "Companies", "Resources", "TicketWebhooks"):
        answer = call("GET", f"{API}/{entity}/999999")
        assert (answer.status_code, answer.json()) == (200, {"item": None})


def test_a_webhook_that_is_not_there_cannot_be_deleted(call):
    answer = call("DELETE", f"{API}/TicketWebhooks/999")
    assert answer.status_code == 500
    assert "No matching records found" in answer.json()["errors"][0]


@pytest.mark.parametrize(
    "change",
    [
        {"descripton": "x"},
        {"note_type": 3},
        {"title": None},
        {"description": ""},
        {"description": "x" * 32_001},
        {"title": "x" * 251},
        {"noteType": "3"},
        {"noteType": 77},
        {"noteType": True},
        {"publish": 3},
        {"publish": [2]},
        {"description": {"text": "x"}},
    ],
)
def test_a_note_of_another_shape_is_refused_with_500(call, simulator, ticket, change):
    answer = call("POST", f"{API}/Tickets/{ticket}/Notes", {**NOTE, **change})
    assert (answer.status_code, list(answer.json())) == (500, ["errors"])
    assert simulator.notes(str(ticket)) == []


@pytest.mark.parametrize("missing", NOTE)
def test_a_note_without_a_required_field_is_refused(call, ticket, missing):
    note = {name: value for name, value in NOTE.items() if name != missing}
    assert call("POST", f"{API}/Tickets/{ticket}/Notes", note).status_code == 500


@pytest.mark.parametrize("body", [[NOTE], "text", 5, []])
def test_a_body_that_is_no_object_is_refused(call, ticket, body):
    assert call("POST", f"{API}/Tickets/{ticket}/Notes", body).status_code == 500


def test_names_may_be_written_in_any_case(call, ticket):
    note = {name.upper(): value for name, value in NOTE.items()}
    assert call("POST", f"{API}/Tickets/{ticket}/Notes", note).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"roleID": 1},
        {"resourceID": 1},
        {"resourceID": "29682885"},
        {"ticketID": 999999},
        {"hoursWorked": 0},
        {"hoursWorked": "0.5"},
        {"endDateTime": "2026-09-15T13:00:00Z"},
        {"startDateTime": 5},
        {"dateWorked": "yesterday"},
        {"summaryNote": "x"},
    ],
)
def test_a_time_entry_that_does_not_fit_is_refused(call, simulator, ticket, change):
    answer = call("POST", f"{API}/TimeEntries", {"ticketID": ticket, **TIME, **change})
    assert (answer.status_code, simulator.time_entries(str(ticket))) == (500, [])
    assert call("POST", f"{API}/TimeEntries", {"ticketID": ticket, **TIME}).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"WebhookURI": "x"},
        {"WebhookUrl": "ftp://x"},
        {"DeactivationUrl": None},
        {"SecretKey": "s" * 65},
        {"Name": "n" * 51},
        {"IsActive": 1},
    ],
)
def test_a_webhook_of_another_shape_is_refused(call, change):
    assert call("POST", f"{API}/TicketWebhooks", {**WEBHOOK, **change}).status_code == 500


def test_a_webhook_is_ready_once_it_has_a_subscribed_field(call):
    made = call("POST", f"{API}/TicketWebhooks", WEBHOOK).json()["itemId"]
    path = f"{API}/TicketWebhooks/{made}"
    field = {"WebhookID": made, "IsSubscribedField": False, "IsDisplayAlwaysField": True}
    assert call("POST", f"{path}/Fields", {"FieldID": 1, **field}).status_code == 200
    assert call("GET", path).json()["item"]["isReady"] is False
    subscribed = {"FieldID": 2, **field, "IsSubscribedField": True}
    assert call("POST", f"{path}/Fields", subscribed).status_code == 200
    shown = call("GET", path).json()["item"]
    assert (shown["isReady"], "secretKey" in shown) == (True, False)
    assert call("POST", f"{path}/Fields", subscribed).status_code == 500
    assert call("POST", f"{path}/Fields", {"FieldID": 999, **field}).status_code == 500


@pytest.mark.parametrize("deed", [("POST", NOTE, "TicketNotes"), ("PATCH", {"id": 1}, "TicketNotes")])
def test_a_missing_right_is_refused_with_500(call, simulator, ticket, deed):
    method, body, entity = deed
    simulator.world.denied = {entity}
    answer = call(method, f"{API}/Tickets/{ticket}/Notes", body)
    assert answer.status_code == 500
    assert "does not have the adequate permissions" in answer.json()["errors"][0]


def query(call, method: str, entity: str, search: dict[str, Any]) -> Any:
    if method == "POST":
        return call("POST", f"{API}/{entity}/query", search)
    return call("GET", f"{API}/{entity}/query?search={json.dumps(search)}")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pages_are_followed_with_the_method_of_the_first(call, simulator, method):
    for _ in range(3):
        simulator.create_ticket()
    first = query(call, method, "Tickets", {"MaxRecords": 2, "filter": BY_ID}).json()
    assert [item["id"] for item in first["items"]] == [120345, 120346]
    assert (first["pageDetails"]["count"], first["pageDetails"]["requestCount"]) == (2, 2)
    address = first["pageDetails"]["nextPageUrl"]
    other = "POST" if method == "GET" else "GET"
    assert call(other, address).status_code == 405
    second = call(method, address).json()
    assert [item["id"] for item in second["items"]] == [120347]
    assert second["pageDetails"]["nextPageUrl"] is None
    assert call(method, address + "0").status_code == 500


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ({"op": "eq", "field": "id", "value": 120345}, 1),
        ({"op": "noteq", "field": "id", "value": 120345}, 1),
        ({"op": "in", "field": "ID", "value": [120345, 5]}, 1),
        ({"op": "notIn", "field": "id", "value": [120345]}, 1),
        ({"op": "gte", "field": "id", "value": 120345}, 2),
        ({"op": "lt", "field": "id", "value": 120346}, 1),
        ({"op": "contains", "field": "title", "value": "PRINT"}, 1),
        ({"op": "beginsWith", "field": "title", "value": "vpn"}, 1),
        ({"op": "endsWith", "field": "title", "value": "down"}, 1),
        ({"op": "exist", "field": "assignedResourceID"}, 1),
        ({"op": "notExist", "field": "assignedResourceID"}, 1),
        ({"op": "gt", "field": "lastActivityDate", "value": "2020-01-01T00:00:00Z"}, 2),
        ({"op": "gt", "field": "lastActivityDate", "value": "2120-01-01T00:00:00Z"}, 0),
        ({"op": "or", "items": [{"op": "eq", "field": "id", "value": 120345}, *BY_ID]}, 2),
    ],
)
def test_queries_obey_their_conditions(call, simulator, condition, found):
    simulator.create_ticket("VPN down", assigned_to="jdoe")
    simulator.create_ticket("Printer")
    answer = query(call, "POST", "Tickets", {"filter": [condition], "IncludeFields": ["title"]}).json()
    assert len(answer["items"]) == found
    assert all(set(item) == {"id", "title"} for item in answer["items"])


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "search",
    [
        {},
        {"filter": []},
        {"filter": BY_ID[0]},
        {"filter": BY_ID, "MaxRecords": 501},
        {"filter": BY_ID, "maxRecord": 5},
        {"filter": [{"op": "like", "field": "id", "value": 1}]},
        {"filter": [{"op": "eq", "feild": "id", "value": 1}]},
        {"filter": [{"op": "eq", "field": "ticketNo", "value": 1}]},
        {"filter": [{"op": "eq", "field": "id", "value": "120345"}]},
        {"filter": [{"op": "eq", "field": "id", "value": [120345]}]},
        {"filter": [{"op": "in", "field": "id", "value": 120345}]},
    ],
)
def test_a_query_that_cannot_be_answered_is_refused_with_500(call, ticket, method, search):
    assert query(call, method, "Tickets", search).status_code == 500


def test_notes_without_a_ticket_in_the_filter_are_those_of_the_whole_tenant(call, simulator):
    for _ in range(2):
        simulator.add_note(simulator.create_ticket(), "yes")
    assert len(query(call, "POST", "TicketNotes", {"filter": BY_ID}).json()["items"]) == 2


def test_the_threshold_counts_every_call_but_the_look_up_of_zones(call):
    call("GET", f"{API}/zoneInformation?user=x", headers={})
    call("GET", f"{API}/Tickets/1")
    assert call("GET", f"{API}/ThresholdInformation").json() == {
        "externalRequestThreshold": 10_000,
        "requestThresholdTimeframe": 60,
        "currentTimeframeRequestCount": 2,
    }


def test_three_calls_at_a_time_are_let_through_for_each_endpoint(call, simulator):
    simulator.parts.usage.settings.latency_seconds = 1.0
    paths = [f"{API}/Tickets/1"] * 4 + [f"{API}/Companies/1"] * 3
    statuses = _at_once(call, paths)
    assert sorted(statuses[:4]) == [200, 200, 200, 500]
    assert statuses[4:] == [200, 200, 200]


@pytest.mark.parametrize(("used", "seconds"), [(0.49, 0.0), (0.5, 0.5), (0.74, 0.5), (0.75, 1.0), (1.0, 1.0)])
def test_answers_are_held_back_from_half_of_the_threshold_on(used, seconds):
    assert held_back(used) == seconds


def test_a_call_beyond_half_of_the_threshold_takes_longer(call, simulator):
    simulator.parts.usage.settings.delays_seconds = ((0.5, 0.3),)
    simulator.parts.usage.pretend(5_000)
    assert call("GET", f"{API}/Tickets/1").elapsed.total_seconds() >= 0.3


def _at_once(call, paths: list[str]) -> list[int]:
    statuses = [0] * len(paths)

    def ask(place: int) -> None:
        statuses[place] = call("GET", paths[place]).status_code

    askers = [threading.Thread(target=ask, args=(place,)) for place in range(len(paths))]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(20)
    return statuses


def test_a_technician_can_act_over_http(call, simulator):
    ticket_id = call("POST", "/_simulator/tickets", {"summary": "Printer"}, {}).json()["id"]
    path = f"/_simulator/tickets/{ticket_id}"
    note = call("POST", f"{path}/notes", {"text": "yes", "member": "asmith"}, {})
    assert note.status_code == 201
    note_path = f"{path}/notes/{note.json()['id']}"
    assert call("POST", note_path, {"text": "no"}, {}).status_code == 204
    assert call("POST", f"{path}/status", {"status": "In Progress"}, {}).status_code == 204
    assert call("POST", f"{path}/assign", {"assigned_to": "jdoe"}, {}).status_code == 204
    [shown] = call("GET", "/_simulator/state", headers={}).json()["tickets"]
    assert (shown["status"], shown["assignedResourceID"]) == (8, 29682885)
    assert [text["description"] for text in shown["notes"]] == ["no"]
    other = int(simulator.create_ticket())
    assert call("POST", f"{path}/merge", {"into": other}, {}).status_code == 204
    assert simulator.status_of(str(ticket_id)) == "Complete"
    assert call("DELETE", path, headers={}).status_code == 204


def test_behaviour_is_changed_over_http(call, simulator):
    changes = {"threads": 1, "copies": 2, "on": False, "denied": ["Tickets"]}
    assert call("POST", "/_simulator/settings", changes, {}).status_code == 200
    assert call("POST", "/_simulator/limit", {"per_minute": 0}, {}).status_code == 204
    assert call("GET", f"{API}/Tickets/1").status_code == 429
    assert simulator.parts.usage.settings.threads == 1
    assert (simulator.callouts.settings.copies, simulator.callouts.on) == (2, False)
    assert simulator.world.denied == {"Tickets"}
    simulator.callouts.settings.copies = 1
    assert call("POST", "/_simulator/settings", {"cpoies": 2}, {}).status_code == 500
    assert call("POST", "/_simulator/reset", headers={}).status_code == 204
    assert call("GET", f"{API}/Tickets/1").status_code == 200
