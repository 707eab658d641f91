"""The sweep: whatever Postgres says is open is hinted at again."""

import pytest

from worker.services.backlog import backlog
from worker.services.sweep import sweep

pytestmark = pytest.mark.integration

NOTHING = {"deliveries": 0, "commands": 0, "drafts": 0, "outbox": 0}


def age(world, seconds="5 seconds"):
    """Let everything open have been due for so long."""
    for table in ("delivery", "command", "outbox"):
        world.rows(f"UPDATE {table} SET next_attempt_at = now() - CAST(:age AS interval)", age=seconds)  # noqa: S608


def hold(world):
    """Make what was applied open again, as if no worker had come by."""
    world.rows("UPDATE command SET state = 'pending', settled_at = NULL, attempts = 0")


def test_what_is_open_is_hinted_at_with_its_ids(world):
    session = world.started()
    world.do("notes.save", session=session, notes=[])
    world.do("session.resolve", session=world.started(ticket="101"))
    delivery_id = world.ticket_changed("102")
    hold(world)
    age(world)
    world.rows("UPDATE note_draft SET due_at = now() WHERE due_at IS NOT NULL")
    world.published.clear()
    assert sweep(world.context) == {"deliveries": 1, "commands": 2, "drafts": 1, "outbox": 1}
    hints = {
        (hint.task, hint.arguments.get("ticket") or hint.arguments.get("session")) for hint in world.published
    }
    assert hints == {
        ("delivery.interpret", "102"),
        ("session.start_adhoc", "100"),
        ("session.start_adhoc", "101"),
        ("notes.flush", None),
        ("psa.push", "101"),
    }
    assert {hint.arguments["delivery_id"] for hint in world.published if "delivery_id" in hint.arguments} == {
        delivery_id
    }


def test_what_is_not_due_or_fresh_or_settled_is_left_alone(world):
    world.psa.has_ticket("100")
    session = world.started()
    world.do("notes.save", session=session, notes=[])
    world.do("session.resolve", session=world.started(ticket="101"))
    world.ticket_changed("102")
    assert sweep(world.context) == NOTHING
    age(world, "-1 hour")
    assert sweep(world.context) == NOTHING
    age(world)
    world.rows("UPDATE delivery SET state = 'ignored'")
    world.rows("UPDATE outbox SET state = 'sent'")
    assert sweep(world.context) == NOTHING


@pytest.mark.parametrize("state", ["sending", "unknown"])
def test_an_entry_whose_lease_ran_out_is_hinted_at(world, state):
    world.do("session.resolve", session=world.started())
    world.rows("UPDATE outbox SET state = :state", state=state)
    age(world)
    assert sweep(world.context)["outbox"] == 1


def test_one_hint_per_lane_is_enough_and_it_names_the_oldest(world):
    first = world.ticket_changed()
    for _ in range(3):
        world.ticket_changed()
    for _ in range(3):
        world.start()
    hold(world)
    age(world)
    world.published.clear()
    assert sweep(world.context) == {**NOTHING, "deliveries": 1, "commands": 1}
    oldest = world.one("SELECT min(id) FROM command")
    assert [next(iter(hint.arguments.values())) for hint in world.published] == [first, oldest]


def test_what_is_sent_again_wakes_the_lane_that_its_first_wake_up_named(world):
    """By that name Redis knows that one waits, and puts no other behind it."""
    world.published.clear()
    world.ticket_changed()
    world.do("session.resolve", session=world.started(ticket="101"))
    first = {hint.task: hint.lane for hint in world.published if hint.lane}
    hold(world)
    age(world)
    world.published.clear()
    sweep(world.context)
    ticket = world.lane("101").ticket_id
    assert {hint.task: hint.lane for hint in world.published} == {
        "delivery.interpret": first["delivery.interpret"],
        "session.start_adhoc": f"ticket:{ticket}",
        "psa.push": f"entries:{ticket}",
    }


def test_a_storm_of_one_account_does_not_bury_anothers_single_event(world):
    for number in range(210):
        world.ticket_changed(f"storm-{number}")
    world.home_tenant = world.tenant("Rival")
    single = world.ticket_changed("single")
    age(world)
    world.published.clear()
    assert sweep(world.context)["deliveries"] == 51, "fifty of the storm, and the single one"
    assert single in [hint.arguments["delivery_id"] for hint in world.published[:2]]


@pytest.mark.parametrize(("kind", "task"), [("commands", "session.start_adhoc"), ("outbox", "psa.push")])
def test_a_storm_of_commands_or_pushes_does_not_bury_anothers_single_one(world, kind, task):
    tickets = [f"storm-{number}" for number in range(53)]
    for ticket in tickets:
        world.do("session.resolve", session=world.started(ticket=ticket))
    world.home_tenant = world.tenant("Rival")
    world.do("session.resolve", session=world.started(ticket="single"))
    if kind == "commands":
        hold(world)
    age(world)
    world.published.clear()
    assert sweep(world.context)[kind] == 51, "fifty of the storm, and the single one"
    hinted = [hint.arguments["ticket"] for hint in world.published if hint.task == task]
    assert "single" in hinted[:2]


def test_the_backlog_counts_what_is_open_or_needs_a_person(world):
    world.do("step.record", session=world.started(), node_id="link", answer="yes")
    world.ticket_changed()
    world.do("notes.save", session=world.started(ticket="101"), notes=[])
    world.do("session.resolve", session=world.started(ticket="102"))
    lines = {(line.table, line.state): line.rows for line in backlog(world.context)}
    assert lines == {
        ("delivery", "pending"): 1,
        ("command", "refused"): 1,
        ("note_draft", "dirty"): 1,
        ("outbox", "pending"): 1,
    }
