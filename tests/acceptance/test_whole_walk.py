"""A whole walk, end to end: a ticket, its signed webhook, a walk, and exactly one summary."""

import json
from typing import Any
from uuid import uuid4

import pytest

from integrations.connectwise.simulator import RunningSimulator
from tests.acceptance.canaries import WORDS
from tests.acceptance.tools import TECHNICIAN, Account, new_ticket, wait_for, walk_of
from worker.demo.service import RunningService

NOTES = json.dumps([{"text": WORDS}])


@pytest.fixture
def callbacks(psa: RunningSimulator, acme: Account):
    callback_id = psa.register_callback(acme.connectwise_url)
    yield
    psa.wait_for_deliveries()
    del psa.world.callbacks[callback_id]


def active_walk(service: RunningService, ticket_id: str) -> dict[str, Any]:
    return wait_for("the walk's start", lambda: walk_of(service, ticket_id))


def told(service: RunningService, session_id: str) -> list[dict[str, Any]]:
    """Wait until everything was told to the PSA, and return it."""

    def look() -> list[dict[str, Any]] | None:
        pushes: list[dict[str, Any]] = service.run("walk", "show", session_id)["pushes"]
        return pushes if pushes and all(push["state"] == "sent" for push in pushes) else None

    return wait_for("the push", look)


def test_a_connectwise_ticket_is_walked_by_its_flow_and_gets_one_summary(service, psa, acme, callbacks):
    ticket_id = psa.create_ticket("VPN down at the branch", assigned_to="jdoe")
    session_id = active_walk(service, ticket_id)["id"]
    step = ("enqueue", "step.record", "--session", session_id)
    assert service.run(*step, "--node-id", "light", "--answer", "YES", "--wait")["next_node_id"] == "ping"
    service.run(*step, "--node-id", "ping", "--answer", "no", "--note", WORDS, "--wait")
    service.run("enqueue", "notes.save", "--session", session_id, "--notes", NOTES, "--wait")
    service.run(
        *("enqueue", "session.resolve", "--session", session_id, "--helpful"),
        *("--resolution-notes", WORDS, "--wait"),
    )
    pushes = told(service, session_id)
    walk = service.run("walk", "show", session_id)
    assert walk["status"] == "resolved"
    assert walk["user"] == TECHNICIAN
    assert walk["walked_path"] == [
        {"node_id": "light", "question": "Is the link light on?", "answer": "yes", "l1_note": None},
        {
            "node_id": "ping",
            "question": "Does the gateway answer?",
            "answer": "no",
            "l1_note": WORDS,
        },
    ]
    assert walk["walk_notes"] == [{"text": WORDS}]
    summaries = [note for note in psa.notes(ticket_id) if pushes[0]["marker"] in note["text"]]
    assert len(summaries) == 1
    assert summaries[0]["resolutionFlag"] is True
    assert summaries[0]["processNotifications"] is False
    for line in ("VPN down (version 1)", "1. Is the link light on? -> yes", f"Resolution: {WORDS}"):
        assert line in summaries[0]["text"]
    assert psa.ticket(ticket_id)["status"]["name"] == ">Closed"


def test_five_callbacks_for_one_save_start_one_walk(service, psa, acme, callbacks):
    # other PSAs of this service number their tickets alike
    before = {walk["id"] for walk in service.run("walk", "list", "--limit", "1000")}
    psa.callbacks.settings.copies = 5
    try:
        ticket_id = psa.create_ticket("VPN slow", assigned_to="jdoe")
        active_walk(service, ticket_id)
        assert {delivery.answers[-1] for delivery in psa.wait_for_deliveries()} == {202}
    finally:
        psa.callbacks.settings.copies = 1
    walks: Any = service.run("walk", "list", "--limit", "1000")
    assert [walk["ticket_id"] for walk in walks if walk["id"] not in before] == [ticket_id]


def test_notes_typed_in_the_ticket_of_an_adhoc_walk_end_up_in_its_hand_off(service, psa, acme, callbacks):
    ticket_id = psa.create_ticket("adhoc: printer on fire", assigned_to="jdoe")
    session_id = active_walk(service, ticket_id)["id"]
    psa.add_note(ticket_id, "Unplugged it")

    def noted() -> bool:
        return bool(service.run("walk", "show", session_id)["walk_notes"])

    wait_for("the note", noted)
    service.run(
        *("enqueue", "session.escalate", "--connection", acme.connectwise, "--ticket", ticket_id),
        *("--escalation-reason", WORDS, "--wait"),
    )
    marker = told(service, session_id)[0]["marker"]
    [hand_off] = [note for note in psa.notes(ticket_id) if marker in note["text"]]
    assert hand_off["internalAnalysisFlag"] is True
    assert "- Unplugged it" in hand_off["text"]
    assert f"Escalated: {WORDS}" in hand_off["text"]
    assert psa.ticket(ticket_id)["status"]["name"] == "Escalated"


def test_a_ticket_that_no_rule_fits_is_ignored_with_the_reason(service, psa, acme, callbacks):
    ticket_id = psa.create_ticket("Monitor broken", assigned_to="jdoe")

    def reason() -> str | None:
        deliveries: Any = service.run("delivery", "list")
        return next((row["reason"] for row in deliveries if row["ticket"] == ticket_id), None)

    assert wait_for("the interpretation", reason) == "no rule of the connection fits the ticket"
    assert walk_of(service, ticket_id) is None


def test_any_signed_tool_walks_a_ticket_by_standard_webhooks(service, tool, acme):
    ticket_id = new_ticket()

    def send(command_type: str, message_id: str | None = None, **data: Any) -> int | str:
        answer: int | str = tool.send_command(acme.standard_url, command_type, data, message_id)
        return answer

    assert send("session.start", ticket_id=ticket_id, user=TECHNICIAN, kind="flow", flow="VPN down") == 202
    # sequence numbers make the order of arrival irrelevant; the same id twice is one step
    repeated = f"msg_{uuid4().hex}"
    assert send("step.record", ticket_id=ticket_id, node_id="ping", answer="yes", sequence=2) == 202
    assert (
        send("step.record", repeated, ticket_id=ticket_id, node_id="light", answer="yes", sequence=1) == 202
    )
    assert (
        send("step.record", repeated, ticket_id=ticket_id, node_id="light", answer="yes", sequence=1) == 202
    )
    session_id = active_walk(service, ticket_id)["id"]
    assert send("notes.save", session_id=session_id, notes=[{"text": WORDS}], revision=1) == 202
    assert send("session.resolve", session_id=session_id, helpful=True, sequence=3) == 202
    told(service, session_id)
    [summary] = [
        message for message in tool.received() if message["data"]["walk"]["session_id"] == session_id
    ]
    assert [step["node_id"] for step in summary["data"]["walk"]["walked_path"]] == ["light", "ping"]
    assert summary["data"]["walk"]["walk_notes"] == [{"text": WORDS}]
    assert "L1 walk: resolved" in summary["data"]["text"]


def test_notes_are_written_to_the_walk_after_a_pause_without_any_closing(service, acme):
    started = service.run(
        *("enqueue", "session.start_adhoc", "--connection", acme.standard, "--ticket", new_ticket()),
        *("--user", TECHNICIAN, "--wait"),
    )
    session_id = started["session_id"]
    service.run("enqueue", "notes.save", "--session", session_id, "--notes", NOTES, "--wait")
    written = wait_for("the flush", lambda: service.run("walk", "show", session_id)["walk_notes"])
    assert written == [{"text": WORDS}]
