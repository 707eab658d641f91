"""What deliveries mean: commands that a sender says itself, or what the PSA shows when asked again."""

import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from integrations.errors import RejectedError, ThrottledError, UnreachableError
from integrations.ports import Event, EventKind
from worker.services.interpretation import carried
from worker.services.interpretation.claims import MAX_ATTEMPTS

pytestmark = pytest.mark.integration

ADHOC = {"rules": [{"start": "adhoc"}]}
VPN = {"rules": [{"when": {"summary": "*vpn*"}, "start": "flow", "flow": "VPN down"}]}


def says(world, key: str, message_type: str, **data: Any) -> int:
    """Store a delivery of the standard connection. Return its id."""
    message = {"type": message_type, "data": data}
    event = Event(EventKind.COMMAND, dedupe_key=key, ticket_id=data.get("ticket_id"), command=message)
    stored = world.deliver(event, connection=world.home_tenant.standard, body=json.dumps(message).encode())
    return int(stored[0].delivery_id)


def delivery(world, columns="state, reason"):
    query = f"SELECT {columns} FROM delivery ORDER BY id DESC LIMIT 1"  # noqa: S608 - the tests' own literals
    return world.one(query)


def changed(world, ticket="100"):
    """Deliver that a ticket changed and interpret it. Return what became of the delivery."""
    world.interpret(world.ticket_changed(ticket))
    return delivery(world)


def make_due(world):
    world.rows("UPDATE delivery SET next_attempt_at = now() WHERE state = 'pending'")
    world.rows("UPDATE connection_state SET paused_until = now() - interval '1 second'")


def walk_notes(world):
    return [note["text"] for note in world.one("SELECT ticket_notes FROM note_draft")]


# What a sender says itself.


def test_commands_of_the_standard_are_filed_in_the_order_they_came(world):
    start = {"ticket_id": "7", "user": "tech@acme.example", "kind": "flow", "flow": "VPN down"}
    first = says(world, "m1", "session.start", **start)
    says(world, "m2", "step.record", ticket_id="7", node_id="link", answer="yes")
    says(world, "m3", "session.resolve", ticket_id="7", resolution_notes="done")
    done = world.interpret(first)
    assert (done.deliveries, done.commands) == (3, 3)
    assert world.rows("SELECT type FROM command ORDER BY position") == [
        *("session.start_flow", "step.record", "session.resolve"),
    ]
    assert world.one("SELECT count(*) FROM command c JOIN delivery d ON c.delivery_id = d.id") == 3
    world.apply("7")
    assert world.one("SELECT status, step_count FROM l1_walk_session") == ("resolved", 1)


@pytest.mark.parametrize(
    ("message_type", "data", "reason"),
    [
        ("session.stop", {}, 'unknown type "session.stop"'),
        ("session.start", {"ticket_id": "7", "user": "x"}, "session.start: kind must be one of"),
        ("step.record", {"ticket_id": "7", "answer": "yes"}, "step.record: node_id is missing"),
        (
            "session.resolve",
            {"session_id": "00000000-0000-0000-0000-000000000001"},
            "there is no walk session",
        ),
        ("notes.save", {"ticket_id": "7", "notes": [{"t": "x" * 300_000}]}, "the notes are 300010 bytes"),
    ],
)
def test_a_delivery_that_cannot_be_a_command_is_kept_with_its_reason_and_holds_nobody(
    world, message_type, data, reason
):
    first = says(world, "m1", message_type, **data)
    says(world, "m2", "session.start", ticket_id="8", user="tech@acme.example", kind="adhoc")
    world.interpret(first)
    states = world.rows("SELECT state, reason FROM delivery ORDER BY id")
    assert states[0][0] == "refused"
    assert states[0][1].startswith(reason)
    assert states[1] == ("interpreted", None)


def test_a_standard_webhook_cannot_reach_another_accounts_walk(world):
    rival = world.tenant("Rival")
    session = world.do("session.start_adhoc", connection=rival.psa, ticket="1", user="tech@rival.example")[
        "session_id"
    ]
    world.interpret(says(world, "m1", "session.resolve", session_id=session))
    assert delivery(world, "state") == "refused"
    assert world.walk(session, "status") == "active"


def test_interpreting_a_delivery_twice_or_at_the_same_time_files_its_command_once(world):
    first = says(world, "m1", "session.start", ticket_id="7", user="tech@acme.example", kind="adhoc")
    world.at_once(*[partial(world.interpret, first)] * 16)
    assert world.interpret(first).deliveries == 0
    assert (world.one("SELECT count(*) FROM command"), delivery(world, "state, attempts")) == (
        *(1, ("interpreted", 1)),
    )


def test_a_body_that_breaks_its_worker_is_parked_alone(world, monkeypatch):
    read = carried.read

    def broken(connection, row):
        if row.dedupe_key == "bad":
            raise ZeroDivisionError
        return read(connection, row)

    monkeypatch.setattr(carried, "read", broken)
    first = says(world, "m1", "session.start", ticket_id="7", user="tech@acme.example", kind="adhoc")
    says(world, "bad", "session.resolve", ticket_id="7")
    says(world, "m3", "session.resolve", ticket_id="7")
    for _ in range(MAX_ATTEMPTS + 3):
        pending = world.rows("SELECT min(id) FROM delivery WHERE state = 'pending'")[0]
        if pending is None:
            break
        make_due(world)
        try:
            world.interpret(pending)
        except ZeroDivisionError:
            continue
    kept = world.rows("SELECT state, parked_at IS NOT NULL FROM delivery ORDER BY id")
    assert kept == [("interpreted", False), ("parked", True), ("interpreted", False)]
    assert first


# What the PSA shows when it is asked again.


@pytest.mark.parametrize(("rules", "kind"), [(ADHOC, "session.start_adhoc"), (VPN, "session.start_flow")])
def test_the_rule_that_fits_starts_one_walk_for_a_storm_of_five_deliveries(world, rules, kind):
    world.rules(rules)
    world.psa.has_ticket("100")
    ids = [world.ticket_changed() for _ in range(5)]
    world.at_once(*[partial(world.interpret, delivery_id) for delivery_id in ids])
    world.interpret(ids[-1])
    world.apply()
    assert world.rows("SELECT type FROM command") == [kind]
    assert world.one("SELECT count(*) FROM l1_walk_session WHERE status = 'active'") == 1
    assert world.one("SELECT count(*) FROM delivery WHERE state = 'pending'") == 0
    assert world.one("SELECT summary FROM ticket") == "VPN down"


def test_the_tickets_assignee_walks_and_the_rules_user_where_it_has_none(world):
    world.rules({"rules": [{"start": "adhoc", "user": "cover@acme.example"}]})
    for ticket, assignee in (("1", "JDOE"), ("2", None), ("3", "stranger")):
        world.psa.has_ticket(ticket, assigned_to=assignee)
        changed(world, ticket)
        world.apply(ticket)
    query = (
        "SELECT u.email FROM l1_walk_session s JOIN user_account u ON u.id = s.user_id ORDER BY s.started_at"
    )
    assert world.rows(query) == ["tech@acme.example", "cover@acme.example", "cover@acme.example"]


@pytest.mark.parametrize(
    ("rules", "ticket", "reason"),
    [
        ({}, {}, "no rule of the connection fits the ticket"),
        (VPN, {"summary": "Printer"}, "no rule of the connection fits the ticket"),
        ({"rules": [{"start": "ignore"}]}, {}, "a rule of the connection says to ignore the ticket"),
        (ADHOC, {"assigned_to": "stranger"}, "nobody to walk it: the ticket's assignee is no user"),
        (ADHOC, {"assigned_to": None}, "nobody to walk it: the ticket's assignee is no user"),
        (
            {"rules": [{"start": "adhoc", "user": "nobody@acme.example"}]},
            {"assigned_to": None},
            "nobody to walk it",
        ),
        (ADHOC, {"closed": True}, "the ticket is closed"),
    ],
)
def test_a_ticket_that_starts_no_walk_is_ignored_with_the_reason(world, rules, ticket, reason):
    world.rules(rules)
    world.psa.has_ticket("100", **ticket)
    state, told = changed(world)
    assert state == "ignored"
    assert told.startswith(reason)
    assert world.one("SELECT count(*) FROM command") == 0


def test_a_ticket_whose_walk_is_over_starts_no_other(world):
    world.rules(ADHOC)
    world.psa.has_ticket("100")
    world.do("session.resolve", session=world.started())
    assert changed(world) == ("ignored", "the ticket's walk is over")


def test_a_ticket_that_the_psa_does_not_have_is_ignored(world):
    assert changed(world) == ("ignored", "the PSA has no such ticket")


def test_a_deleted_ticket_abandons_its_walk(world):
    session = world.started()
    for _ in range(2):
        world.interpret(world.ticket_changed(kind=EventKind.TICKET_DELETED))
    assert world.one("SELECT count(*) FROM command WHERE type = 'session.abandon'") == 1
    world.apply()
    assert world.walk(session, "status") == "abandoned"
    assert "the ticket was deleted in the PSA" in world.one("SELECT content->>'text' FROM outbox")


def test_notes_that_technicians_type_become_notes_of_the_adhoc_walk(world):
    world.psa.has_ticket("100")
    world.started()
    world.psa.type_note("100", "rebooted the router")
    world.psa.type_note("100", "thank you", author=None)
    world.psa.type_note("100", "posted by us", own=True)
    world.psa.type_note("100", "L1 walk: resolved [tw:7c1f9e2a]")
    world.psa.type_note("100", "link is up")
    for _ in range(3):
        changed(world)
        world.apply()
    assert walk_notes(world) == ["rebooted the router", "link is up"]
    assert world.one("SELECT count(*) FROM command WHERE type = 'notes.add_from_ticket'") == 2
    assert [call[2] for call in world.psa.calls if call[0] == "notes"] == ["None", "None", "None"]


def look_again(world) -> None:
    changed(world)
    world.apply()


def test_a_note_edited_in_the_ticket_replaces_itself_and_a_deleted_one_is_marked(world):
    world.psa.has_ticket("100")
    session = world.started()
    for wording in ("rebooted", "link is up", "rang the provider"):
        world.psa.type_note("100", wording)
    look_again(world)
    world.do("notes.save", session=session, notes=[{"text": "my own"}], revision=1)
    world.psa.change_note("100", "link is up", "link is down")
    world.psa.change_note("100", "rang the provider", None)
    look_again(world)
    assert walk_notes(world) == ["rebooted", "link is down", "rang the provider"]
    assert world.one(
        "SELECT jsonb_path_query_array(ticket_notes, '$[*] ? (@.deleted == true).text') FROM note_draft"
    ) == ["rang the provider"]
    world.do("session.resolve", session=session)
    assert [note["text"] for note in world.walk(session, "walk_notes")] == [
        *("rebooted", "link is down", "rang the provider", "my own")
    ]
    summary = world.one("SELECT content->>'text' FROM outbox WHERE kind = 'note'")
    assert "link is down" in summary
    assert "rang the provider" not in summary


def test_a_note_edited_to_and_fro_ends_as_the_ticket_shows_it(world):
    world.psa.has_ticket("100")
    world.started()
    world.psa.type_note("100", "A")
    look_again(world)
    wording = "A"
    for new in ("B", "A", "B", "A"):
        world.psa.change_note("100", wording, new)
        look_again(world)
        look_again(world)  # nothing new, so nothing is filed
        assert walk_notes(world) == [new]
        wording = new
    assert world.one("SELECT count(*) FROM command WHERE type = 'notes.add_from_ticket'") == 5


def test_a_list_that_was_overtaken_while_it_came_is_asked_for_again(world):
    world.psa.has_ticket("100")
    world.started()
    world.psa.type_note("100", "A")
    look_again(world)
    overtake = """
        UPDATE note_draft SET ticket_notes = '[{"psa_note_id": "1", "text": "A2", "at": null}]'
    """
    world.psa.next_calls("notes", lambda: world.rows(overtake))
    world.psa.change_note("100", "A", "A2")
    assert changed(world)[0] == "pending"
    world.rows("UPDATE delivery SET next_attempt_at = now() WHERE state = 'pending'")
    world.interpret(world.one("SELECT id FROM delivery WHERE state = 'pending'"))
    assert world.rows("SELECT id FROM delivery WHERE state = 'pending'") == []
    assert world.one("SELECT count(*) FROM command WHERE type = 'notes.add_from_ticket'") == 1


def test_the_first_note_of_the_walk_may_be_deleted_and_older_ones_stay_out(world):
    world.rules(ADHOC)
    world.psa.has_ticket("100")
    world.psa.type_note("100", "from before the walk")
    look_again(world)
    world.psa.type_note("100", "first")
    look_again(world)
    world.psa.change_note("100", "first", None)
    look_again(world)
    assert walk_notes(world) == ["first"]


def test_notes_typed_before_the_start_was_applied_come_after_it(world):
    world.rules(ADHOC)
    world.psa.has_ticket("100")
    world.psa.type_note("100", "from before the walk")
    changed(world)
    world.psa.type_note("100", "from right after")
    assert changed(world) == ("interpreted", None)
    world.apply()
    assert walk_notes(world) == ["from right after"]


def test_a_note_that_postgres_could_not_store_is_kept_with_the_wrong_characters_replaced(world):
    world.psa.has_ticket("100", summary="a\x00b")
    world.started()
    world.psa.type_note("100", "nul \x00 and half \ud83d")
    changed(world)
    world.apply()
    assert walk_notes(world) == ["nul \ufffd and half \ufffd\ufffd\ufffd"]
    assert world.one("SELECT summary FROM ticket") == "a\ufffdb"


def test_typed_notes_that_outgrow_the_limit_are_refused_and_the_draft_stays(world):
    world.psa.has_ticket("100")
    world.started()
    world.psa.type_note("100", "x" * 262_000)
    changed(world)
    world.psa.type_note("100", "y" * 1_000)
    changed(world)
    world.apply()
    codes = "SELECT result->>'code' FROM command WHERE type = 'notes.add_from_ticket' ORDER BY id"
    assert (world.rows(codes), len(walk_notes(world))) == ([None, "too_large"], 1)


def test_notes_typed_in_the_ticket_of_a_flow_walk_are_left_alone(world):
    world.psa.has_ticket("100")
    world.started("flow")
    world.psa.type_note("100", "rebooted")
    assert changed(world) == ("ignored", "nothing new for the walk")


def test_an_internal_ticket_with_the_same_id_is_not_the_psas(world):
    world.rules(ADHOC)
    world.psa.has_ticket("100")
    world.started(ticket_kind="internal")
    assert changed(world) == ("interpreted", None)
    assert world.one("SELECT count(*) FROM ticket WHERE kind = 'psa'") == 1


@pytest.mark.parametrize("error", [UnreachableError("no route"), RejectedError("HTTP 401: wrong key")])
def test_a_psa_that_cannot_be_asked_makes_its_ticket_wait_and_no_other(world, error):
    world.rules(ADHOC)
    world.psa.has_ticket("100")
    world.psa.has_ticket("101")
    world.psa.next_calls("ticket", error)
    assert changed(world) == ("pending", str(error))
    assert delivery(world, "attempts, next_attempt_at > now() + interval '3 s'") == (1, True)
    calls = len(world.psa.calls)
    world.interpret(world.ticket_changed())
    assert len(world.psa.calls) == calls, "the lane waits, also for what comes meanwhile"
    assert changed(world, "101") == ("interpreted", None)
    make_due(world)
    world.interpret(world.one("SELECT min(id) FROM delivery WHERE state = 'pending'"))
    assert world.rows("SELECT DISTINCT state FROM delivery") == ["interpreted"]


def test_being_told_to_wait_spends_no_attempt(world):
    world.psa.has_ticket("100")
    for _ in range(20):
        world.psa.next_calls("ticket", ThrottledError("slow down", retry_after=timedelta(minutes=3)))
    delivery_id = world.ticket_changed()
    for _ in range(20):
        make_due(world)
        world.interpret(delivery_id)
    assert delivery(world, "state, attempts, reason") == ("pending", 0, "slow down")
    wait = "SELECT extract(epoch FROM next_attempt_at - now())::int FROM delivery"
    assert 170 < world.one(wait) <= 180


def test_workers_that_died_make_no_failure_wait_longer(world):
    """Nine lost claims would make one failure wait for ten minutes: the PSA has failed once."""
    delivery_id = world.ticket_changed()
    world.rows("UPDATE delivery SET attempts = 9")
    world.psa.next_calls("ticket", UnreachableError("no route"))
    world.interpret(delivery_id)
    wait = world.one("SELECT extract(epoch FROM next_attempt_at - now())::float FROM delivery")
    assert 3 < wait <= 4
    assert delivery(world, "attempts, failures") == (10, 1)


def test_a_psa_that_never_answers_parks_the_delivery_in_the_end(world):
    delivery_id = world.ticket_changed()
    for _ in range(MAX_ATTEMPTS):
        world.psa.next_calls("ticket", UnreachableError("no route"))
        make_due(world)
        world.interpret(delivery_id)
    assert delivery(world, "state, reason, attempts") == ("parked", "no route", MAX_ATTEMPTS)
    assert delivery(world, "now() - parked_at < interval '1 minute'")


def test_a_slow_psa_is_asked_by_one_worker_however_often_the_sweep_hints(world):
    world.rules(ADHOC)
    world.psa.has_ticket("100")
    delivery_id = world.ticket_changed()

    def hinted_meanwhile() -> None:
        for _ in range(20):
            world.interpret(delivery_id)

    world.psa.next_calls("ticket", hinted_meanwhile)
    world.interpret(delivery_id)
    assert world.psa.count("ticket") == 1
    assert delivery(world, "state, attempts") == ("interpreted", 1)


def test_what_came_while_the_psa_was_asked_is_hinted_for(world):
    world.psa.has_ticket("100")
    first = world.ticket_changed()
    world.psa.next_calls("ticket", world.ticket_changed)
    world.published.clear()
    world.interpret(first)
    assert [hint.task for hint in world.published] == ["delivery.interpret"] * 2
    world.interpret(world.published[-1].arguments["delivery_id"])
    assert world.one("SELECT count(*) FROM delivery WHERE state = 'pending'") == 0


def test_an_unknown_delivery_is_refused(world):
    with pytest.raises(world.refusal, match="there is no delivery 999999999"):
        world.interpret(999_999_999)
