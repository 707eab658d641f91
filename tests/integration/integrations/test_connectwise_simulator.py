"""The simulator refuses what ConnectWise refuses."""

import base64
import threading
from typing import Any

import pytest
import requests

pytestmark = pytest.mark.integration

API = "/v4_6_release/apis/3.0"
TOKEN = base64.b64encode(b"acme+pub:priv").decode()
HEADERS = {"Authorization": f"Basic {TOKEN}", "clientId": "any"}


@pytest.fixture
def call(simulator):
    def send(method: str, path: str, json: Any = None, headers: dict[str, str] | None = None):
        given = HEADERS if headers is None else headers
        return requests.request(method, simulator.base_url + path, json=json, headers=given, timeout=20)

    return send


@pytest.fixture
def notes_path(simulator):
    return f"{API}/service/tickets/{simulator.create_ticket()}/notes"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"clientId": "any"},
        {"clientId": "any", "Authorization": "Basic !!!"},
        {"clientId": "any", "Authorization": f"Bearer {TOKEN}"},
        {"Authorization": HEADERS["Authorization"]},
    ],
)
def test_a_call_without_credentials_or_client_id_is_refused(call, headers):
    answer = call("GET", f"{API}/service/tickets", headers=headers)
    assert answer.status_code in {400, 401}
    assert set(answer.json()) == {"code", "message", "errors"}


def test_an_unknown_path_is_answered_in_the_providers_words(call):
    answer = call("GET", f"{API}/service/tickets/1/allnotes")
    assert answer.status_code == 404
    assert answer.json()["message"] == "The endpoint does not exist."


@pytest.mark.parametrize(
    "note",
    [
        {"text": "x"},
        {"text": "x", "internalAnalysisFlag": False},
        {"text": "", "internalAnalysisFlag": True},
        {"internalAnalysisFlag": True},
        {"text": 5, "internalAnalysisFlag": True},
        {"text": "x", "internalAnalysisFlag": "true"},
        {"text": "x", "internalAnalysisFlag": 1},
        {"text": "x", "internalAnalysisFlg": True},
        {"text": "x", "internal_analysis_flag": True},
        {"text": "x", "internalAnalysisFlag": True, "member": {"identifier": "nobody"}},
        [],
        "text",
    ],
)
def test_a_note_of_another_shape_is_refused(call, simulator, notes_path, note):
    answer = call("POST", notes_path, note)
    assert answer.status_code == 400
    assert answer.json()["code"] == "InvalidObject"
    assert answer.json()["errors"][0].keys() == {"code", "message", "resource", "field"}
    assert simulator.state()["tickets"][0]["notes"] == []


def test_a_note_can_be_changed_and_deleted(call, simulator, notes_path):
    note = call("POST", notes_path, {"text": "x", "internalAnalysisFlag": True}).json()
    operation = {"op": "replace", "path": "text", "value": "y"}
    assert call("PATCH", f"{notes_path}/{note['id']}", [operation]).json()["text"] == "y"
    assert call("DELETE", f"{notes_path}/{note['id']}").status_code == 204
    assert call("GET", notes_path).json() == []


def test_a_patch_below_a_reference_answers_200_and_changes_nothing(call, simulator):
    ticket_id = simulator.create_ticket()
    operation = {"op": "replace", "path": "status/id", "value": 102}
    assert call("PATCH", f"{API}/service/tickets/{ticket_id}", [operation]).status_code == 200
    assert simulator.ticket(ticket_id)["status"]["name"] == "New"


@pytest.mark.parametrize("value", [{"id": 999}, {"id": 202}, {"name": "New"}, "New", None, 102])
def test_a_status_that_is_not_of_the_board_is_refused(call, simulator, value):
    ticket_id = simulator.create_ticket()
    operation = {"op": "replace", "path": "status", "value": value}
    assert call("PATCH", f"{API}/service/tickets/{ticket_id}", [operation]).status_code == 400


def test_a_ticket_is_created_with_a_short_summary_only(call):
    assert call("POST", f"{API}/service/tickets", {"summary": "x" * 101}).status_code == 400
    assert call("POST", f"{API}/service/tickets", {"summary": "x"}).status_code == 201


def test_lists_are_paged_with_a_link_header(call, simulator):
    for _ in range(3):
        simulator.create_ticket()
    first = call("GET", f"{API}/service/tickets?pageSize=2&orderBy=id desc")
    assert [ticket["id"] for ticket in first.json()] == [48215, 48214]
    second = requests.get(first.links["next"]["url"], headers=HEADERS, timeout=20)
    assert [ticket["id"] for ticket in second.json()] == [48213]
    assert "next" not in second.links


@pytest.mark.parametrize(
    ("conditions", "found"),
    [("id > 48213", 1), ("id=48213", 1), ("lastUpdated > [2020-01-01T00:00:00Z]", 2), ("board/id = 2", 0)],
)
def test_lists_obey_their_conditions(call, simulator, conditions, found):
    simulator.create_ticket()
    simulator.create_ticket()
    answer = call("GET", f"{API}/service/tickets?conditions={conditions}")
    assert len(answer.json()) == found


@pytest.mark.parametrize("query", ["conditions=drop table", "pageSize=1001", "page=0", "conditions=nope = 1"])
def test_a_list_that_cannot_be_answered_is_refused(call, simulator, query):
    simulator.create_ticket()
    assert call("GET", f"{API}/service/tickets?{query}").status_code == 400


def test_the_same_callback_twice_is_refused(call):
    callback = {"url": "https://x.example/", "objectId": 1, "type": "ticket", "level": "owner"}
    created = call("POST", f"{API}/system/callbacks", callback)
    assert created.status_code == 201
    again = call("POST", f"{API}/system/callbacks", callback)
    assert again.status_code == 400
    assert again.json()["errors"][0]["code"] == "ObjectExists"
    assert call("PUT", f"{API}/system/callbacks/{created.json()['id']}", callback).status_code == 200


@pytest.mark.parametrize(
    "change", [{"url": "ftp://x"}, {"level": "galaxy"}, {"type": "tickets"}, {"objectId": "1"}, {"extra": 1}]
)
def test_a_callback_of_another_shape_is_refused(call, change):
    callback = {"url": "https://x.example/", "objectId": 1, "type": "ticket", "level": "owner", **change}
    assert call("POST", f"{API}/system/callbacks", callback).status_code == 400


def test_company_info_needs_no_credentials(call):
    assert call("GET", "/login/companyinfo/ACME", headers={}).json()["Codebase"] == "v2025_1/"


def test_a_technician_can_act_over_http(call, simulator):
    ticket = call("POST", "/_simulator/tickets", {"summary": "Printer"}, {}).json()
    path = f"/_simulator/tickets/{ticket['id']}"
    assert call("POST", f"{path}/notes", {"text": "yes", "member": "asmith"}, {}).status_code == 201
    assert call("POST", f"{path}/status", {"status": "In Progress"}, {}).status_code == 200
    assert call("POST", f"{path}/assign", {"assigned_to": "jdoe"}, {}).status_code == 200
    [shown] = call("GET", "/_simulator/state", headers={}).json()["tickets"]
    assert (shown["status"]["name"], shown["owner"]["identifier"]) == ("In Progress", "jdoe")
    assert call("DELETE", path, headers={}).status_code == 204


def test_faults_and_requests_are_seen_over_http(call):
    fault = {"kind": "status", "method": "GET", "path": "*/tickets", "status": 429, "retry_after": 3}
    assert call("POST", "/_simulator/faults", fault, {}).status_code == 201
    answer = call("GET", f"{API}/service/tickets")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert call("GET", f"{API}/service/tickets").status_code == 200
    logged = call("GET", "/_simulator/requests", headers={}).json()
    assert [(r["method"], r["status"], r["fault"]) for r in logged] == [
        ("GET", 429, "status"),
        ("GET", 200, None),
    ]
    assert call("POST", "/_simulator/reset", headers={}).status_code == 204
    assert call("GET", "/_simulator/requests", headers={}).json() == []


def test_a_misspelt_fault_is_refused(call):
    assert call("POST", "/_simulator/faults", {"kind": "status", "statsu": 429}, {}).status_code == 400


def test_a_late_write_is_done_after_its_answer_was_lost(call, simulator, notes_path):
    simulator.fault("apply_late", method="POST", path="*/notes", delay_seconds=0.1, status=504)
    note = {"text": "late", "internalAnalysisFlag": True}
    assert call("POST", notes_path, note).status_code == 504
    wait_until(lambda: simulator.state()["tickets"][0]["notes"])


def wait_until(condition) -> None:
    pause = threading.Event()
    for _ in range(200):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError("the condition did not come true")
