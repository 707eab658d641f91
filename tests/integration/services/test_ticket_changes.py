"""What is done when the PSA closes, merges or gives away a ticket that is walked."""

from datetime import timedelta
from typing import Any

import pytest

from integrations.ports import EventKind
from worker.services import views

pytestmark = pytest.mark.integration

CHANGES: dict[str, dict[str, Any]] = {
    "closed": {"closed": True, "status": ">Closed"},
    "merged": {"merged_into": "7"},
    "reassigned": {"assigned_to": "asmith"},
}
RULES = {"closed": "on_psa_close", "merged": "on_psa_merge", "reassigned": "on_psa_reassign"}


@pytest.fixture
def session(world) -> str:
    """A walk whose ticket was looked at once since it started."""
    world.psa.has_ticket("100")
    session_id: str = world.started("flow")
    look(world)
    return session_id


def look(world) -> None:
    world.interpret(world.ticket_changed())
    world.apply()


def flags(world) -> Any:
    return world.rows("SELECT action, detail FROM audit_log WHERE action LIKE 'ticket.%' ORDER BY id")


def reason(world) -> Any:
    return world.one("SELECT reason FROM delivery ORDER BY id DESC LIMIT 1")


@pytest.mark.parametrize(
    ("change", "detail", "sentence"),
    [
        ("closed", {"status": ">Closed"}, "the ticket was closed in the PSA; the walk goes on"),
        ("merged", {"into": "7"}, "the ticket was merged into another in the PSA; the walk goes on"),
        (
            "reassigned",
            {"to": "asmith"},
            "the ticket was given to somebody else in the PSA; the walk goes on",
        ),
    ],
)
def test_by_default_a_change_is_said_once_and_the_walk_goes_on(world, session, change, detail, sentence):
    world.psa.has_ticket("100", **CHANGES[change])
    look(world)
    assert reason(world) == sentence
    look(world)
    look(world)
    assert flags(world) == [(f"ticket.{change}", detail)]
    assert reason(world) == "nothing new for the walk"
    assert world.walk(session, "status") == "active"
    with world.context.uow.begin(world.home_tenant.account_id) as tx:
        shown = views.walk(tx, session)["audit"]
    assert [(line["action"], line["detail"]) for line in shown] == [(f"ticket.{change}", detail)]


@pytest.mark.parametrize("change", CHANGES)
def test_a_rule_ends_the_walk_once_and_flags_nothing(world, session, change):
    world.rules({RULES[change]: "abandon"})
    world.psa.has_ticket("100", **CHANGES[change])
    look(world)
    look(world)
    assert world.walk(session, "status") == "abandoned"
    assert flags(world) == []
    assert world.one("SELECT count(*) FROM command WHERE type = 'session.abandon'") == 1
    assert reason(world) == "the ticket's walk is over"


@pytest.mark.parametrize("change", CHANGES)
def test_a_rule_has_a_change_ignored(world, session, change):
    world.rules({RULES[change]: "ignore"})
    world.psa.has_ticket("100", **CHANGES[change])
    look(world)
    assert (flags(world), reason(world)) == ([], "nothing new for the walk")
    assert world.walk(session, "status") == "active"


def test_notes_typed_before_the_closing_are_in_the_walk_that_it_ends(world):
    world.rules({"on_psa_close": "abandon"})
    world.psa.has_ticket("100")
    session = world.started("adhoc")
    world.psa.type_note("100", "gave up")
    world.psa.has_ticket("100", closed=True)
    look(world)
    assert world.walk(session, "status, jsonb_array_length(walk_notes)") == ("abandoned", 1)


def test_a_ticket_that_was_closed_before_the_walk_began_is_no_change(world):
    world.psa.has_ticket("100", closed=True)
    world.do("session.resolve", session=world.started())
    look(world)
    world.started()
    look(world)
    assert flags(world) == []
    world.psa.has_ticket("100")
    look(world)
    world.psa.has_ticket("100", closed=True)
    look(world)
    assert [action for action, _ in flags(world)] == ["ticket.closed"]


def test_the_status_that_an_earlier_walks_end_sets_is_our_own_doing(world):
    world.rules({"on_resolve": {"status": "Done"}, "on_psa_close": "abandon"})
    world.psa.has_ticket("100")
    world.do("session.resolve", session=world.started())
    second = world.started()
    look(world)
    for outbox_id in world.rows("SELECT id FROM outbox ORDER BY id"):
        world.push(outbox_id)
    world.psa.has_ticket("100", status="Done", closed=True)
    look(world)
    assert world.walk(second, "status") == "active"
    assert flags(world) == []
    # a person opens it again, and closes it
    world.rows("UPDATE outbox SET sent_at = sent_at - interval '1 day'")
    world.psa.has_ticket("100")
    look(world)
    world.psa.has_ticket("100", status="Done", closed=True)
    look(world)
    assert world.walk(second, "status") == "abandoned"


def test_the_first_look_knows_nobody_who_had_the_ticket_before(world):
    world.psa.has_ticket("100", assigned_to="asmith")
    world.started("flow")
    look(world)
    assert flags(world) == []


def test_a_ticket_that_its_walker_takes_is_not_given_away(world):
    world.psa.has_ticket("100", assigned_to="asmith")
    world.started("flow")
    look(world)
    world.psa.has_ticket("100", assigned_to="JDoe")
    look(world)
    assert flags(world) == []


def test_each_hand_that_a_ticket_goes_through_is_said_once(world, session):
    for member in ("asmith", "bmiller", None):
        world.psa.has_ticket("100", assigned_to=member)
        look(world)
        look(world)
    assert [detail["to"] for _, detail in flags(world)] == ["asmith", "bmiller", ""]
    assert session


def test_a_ticket_that_the_psa_hides_is_said_once_and_its_walk_goes_on(world, session):
    world.psa.tickets.clear()
    for _ in range(2):
        look(world)
    assert reason(world) == (
        "the PSA does not show the ticket, and no webhook said that it was deleted; the walk goes on"
    )
    assert world.walk(session, "status") == "active"
    assert flags(world) == [("ticket.unseen", {})]


def test_a_hidden_ticket_whose_deletion_is_said_after_all_ends_its_walk(world, session):
    world.psa.tickets.clear()
    look(world)
    world.interpret(world.ticket_changed(kind=EventKind.TICKET_DELETED))
    world.apply()
    assert world.walk(session, "status") == "abandoned"


def test_a_deletion_among_other_deliveries_ends_the_walk_with_the_first_look(world, session):
    world.psa.tickets.clear()
    first = world.ticket_changed()
    world.ticket_changed(kind=EventKind.TICKET_DELETED)
    world.ticket_changed()
    world.interpret(first)
    world.apply()
    assert world.walk(session, "status") == "abandoned"
    assert flags(world) == []


STILL_SHOWN = "the PSA still shows the ticket that it said was deleted"


def said_deleted(world) -> int:
    """Have the PSA say that the ticket was deleted; return the delivery after its first look."""
    delivery_id: int = world.ticket_changed(kind=EventKind.TICKET_DELETED)
    world.interpret(delivery_id)
    world.apply()
    return delivery_id


def half_a_minute_later(world, delivery_id: int) -> None:
    world.rows(
        "UPDATE delivery SET received_at = received_at - interval '30 seconds', "
        "next_attempt_at = next_attempt_at - interval '30 seconds'"
    )
    world.interpret(delivery_id)
    world.apply()


def test_a_ticket_that_is_shown_for_a_while_after_its_deletion_is_asked_for_once_more(world, session):
    delivery_id = said_deleted(world)
    assert world.walk(session, "status") == "active"
    assert world.rows(
        "SELECT state, reason, next_attempt_at - received_at FROM delivery ORDER BY id DESC LIMIT 1"
    ) == [("pending", f"{STILL_SHOWN}; it is asked once more", timedelta(seconds=30))]
    world.psa.tickets.clear()
    half_a_minute_later(world, delivery_id)
    assert world.walk(session, "status") == "abandoned"
    assert flags(world) == []


def test_a_ticket_that_is_said_to_be_deleted_and_is_there_keeps_its_walk(world, session):
    half_a_minute_later(world, said_deleted(world))
    assert world.walk(session, "status") == "active"
    assert world.rows("SELECT state, reason, attempts FROM delivery ORDER BY id DESC LIMIT 1") == [
        ("ignored", f"{STILL_SHOWN}; nothing new for the walk", 2)
    ]


def test_deliveries_that_came_before_the_deletion_do_not_wait_with_it(world, session):
    first = world.ticket_changed()
    world.ticket_changed(kind=EventKind.TICKET_DELETED)
    world.interpret(first)
    assert world.rows("SELECT state FROM delivery ORDER BY id DESC LIMIT 2") == ["pending", "ignored"]
    assert session
