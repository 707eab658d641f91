"""A PSA that says "wait", and one that does not answer: who calls, who waits, and until when."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from integrations.errors import AmbiguousError, RejectedError, ThrottledError, UnreachableError
from integrations.ports import Event, EventKind
from worker.services.pacing import OwnLimitError
from worker.services.sweep import sweep

pytestmark = pytest.mark.integration

AWAY = UnreachableError("no route")


@pytest.fixture
def notes(world) -> list[int]:
    """The summaries of eight walks on eight tickets."""
    for ticket in map(str, range(100, 108)):
        world.psa.has_ticket(ticket)
        world.do("session.resolve", session=world.started(ticket=ticket))
    found: list[int] = world.rows("SELECT id FROM outbox ORDER BY id")
    return found


def state(world, columns: str = "failures, paused_until IS NOT NULL AND paused_until > now()") -> Any:
    query = f"SELECT {columns} FROM connection_state WHERE connection_id = :id"  # noqa: S608 - literals
    return world.one(query, id=world.home_tenant.psa)


def entry(world, outbox_id, columns="state, attempts"):
    return world.one(f"SELECT {columns} FROM outbox WHERE id = :id", id=outbox_id)  # noqa: S608 - literals


def end_pause(world) -> None:
    world.rows("UPDATE connection_state SET paused_until = now() - interval '1 second'")


def make_due(world) -> None:
    world.rows("UPDATE outbox SET next_attempt_at = now() - interval '5 seconds' WHERE state <> 'sent'")


def fail(world, notes, times: int = 5, error: Any = AWAY) -> None:
    world.psa.next_calls("send_note", *[error] * times)
    for note in notes[:times]:
        world.push(note)


def test_a_wait_that_the_psa_asks_for_holds_for_all_of_the_connection_to_the_second(world, notes):
    world.psa.next_calls("send_note", ThrottledError("slow down", retry_after=timedelta(seconds=37)))
    before: datetime = world.one("SELECT clock_timestamp()")
    world.push(notes[0])
    paused_until = state(world, "paused_until")
    assert timedelta(seconds=37) <= paused_until - before < timedelta(seconds=39)
    assert entry(world, notes[0], "next_attempt_at") == paused_until
    assert entry(world, notes[0]) == ("pending", 0)
    delivery_id = world.ticket_changed("100")
    for note in notes[1:]:
        assert world.push(note).state == "pending"
    world.interpret(delivery_id)
    assert (world.psa.count("send_note"), world.psa.count("ticket")) == (1, 0)
    assert entry(world, notes[1], "attempts, reason") == (0, None)
    assert world.one("SELECT attempts FROM delivery") == 0


def test_the_sweep_leaves_a_paused_connection_alone_until_its_time(world, notes):
    make_due(world)
    delivery_id = world.ticket_changed("100")
    world.rows("UPDATE delivery SET next_attempt_at = now() - interval '5 seconds'")
    world.rows("UPDATE connection_state SET paused_until = now() + interval '1 minute'")
    counts = sweep(world.context)
    assert (counts["outbox"], counts["deliveries"]) == (0, 0)
    end_pause(world)
    counts = sweep(world.context)
    assert (counts["outbox"], counts["deliveries"]) == (len(notes), 1)
    assert delivery_id


def test_a_delivery_that_says_its_command_itself_is_swept_while_its_receiver_is_paused(world):
    event = Event(EventKind.COMMAND, dedupe_key="1", command={})
    world.deliver(event, connection=world.home_tenant.standard)
    world.rows("UPDATE delivery SET next_attempt_at = now() - interval '5 seconds'")
    world.rows("UPDATE connection_state SET paused_until = now() + interval '1 minute'")
    assert sweep(world.context)["deliveries"] == 1


def test_of_two_waits_the_later_one_holds(world, notes):
    def told_twice() -> None:
        world.psa.next_calls("send_note", ThrottledError("an hour", retry_after=timedelta(hours=1)))
        world.push(notes[1])
        raise ThrottledError("a moment", retry_after=timedelta(seconds=5))

    world.psa.next_calls("send_note", told_twice)
    world.push(notes[0])
    assert state(world, "paused_until > now() + interval '59 minutes'")


def test_an_answer_ends_no_wait_that_was_asked_for(world, notes):
    world.psa.next_calls(
        "send_note",
        # both are under way when the first answer comes
        lambda: world.push(notes[1]),
        ThrottledError("an hour", retry_after=timedelta(hours=1)),
    )
    world.push(notes[0])
    assert entry(world, notes[0], "state") == "sent"
    assert state(world, "paused_until > now() + interval '59 minutes'")


def test_five_failures_in_a_row_give_a_connection_its_rest_and_nobody_spends_an_attempt(world, notes):
    fail(world, notes)
    assert state(world) == (5, True)
    assert state(world, "pause_reason") == "no route"
    for note in notes[5:]:
        assert world.push(note).state == "pending"
        assert entry(world, note) == ("pending", 0)
    assert world.psa.count("send_note") == 5


@pytest.mark.parametrize("error", [AWAY, AmbiguousError("HTTP 502")])
def test_reads_and_writes_without_an_answer_count_alike(world, notes, error):
    fail(world, notes, times=2, error=error)
    world.psa.next_calls("ticket", AWAY, AWAY, AWAY)
    for ticket in ("100", "101", "102"):
        world.interpret(world.ticket_changed(ticket))
    assert state(world) == (5, True)


@pytest.mark.parametrize("answer", [None, RejectedError("HTTP 400: no")])
def test_any_answer_between_begins_the_count_anew(world, notes, answer):
    fail(world, notes, times=4)
    world.psa.next_calls("send_note", answer)
    world.push(notes[4])
    assert state(world) == (0, False)


def test_after_the_rest_one_call_tries_and_all_others_wait_for_it(world, notes):
    fail(world, notes)
    end_pause(world)
    make_due(world)
    seen: list[str] = []

    def others_ask() -> None:
        seen.extend(world.push(note).state for note in notes[6:])

    world.psa.next_calls("send_note", others_ask)
    assert world.push(notes[5]).state == "sent"
    assert seen == ["pending", "pending"]
    assert world.psa.count("send_note") == 6
    assert state(world) == (0, False)
    assert [world.push(note).state for note in notes[6:]] == ["sent", "sent"]


def test_workers_that_ask_at_the_same_moment_send_one_trial(world, notes):
    fail(world, notes)
    end_pause(world)
    make_due(world)
    world.psa.next_calls("send_note", *[AWAY] * 8)
    world.context.providers["connectwise"].calls_at_once = 8
    world.at_once(*[partial(world.push, note) for note in notes])
    assert world.psa.count("send_note") == 6


def test_a_trial_that_fails_makes_the_rest_longer_up_to_five_minutes(world, notes):
    fail(world, notes)
    waits = [state(world, "extract(epoch FROM paused_until - clock_timestamp())::int")]
    for _ in range(6):
        end_pause(world)
        make_due(world)
        world.psa.next_calls("send_note", AWAY)
        world.push(notes[0])
        waits.append(state(world, "extract(epoch FROM paused_until - clock_timestamp())::int"))
    assert [round(wait, -1) if wait > 100 else wait for wait in waits] == [15, 30, 60, 120, 240, 300, 300]


def test_calls_that_were_under_way_when_the_rest_began_do_not_make_it_longer(world, notes):
    world.context.providers["connectwise"].calls_at_once = 8

    def barrier_of_failures(count: int) -> None:
        if count:
            world.psa.next_calls("send_note", lambda: barrier_of_failures(count - 1))
            world.push(notes[count])
        raise AWAY

    world.psa.next_calls("send_note", lambda: barrier_of_failures(7))
    world.push(notes[0])
    assert state(world, "failures") == 5
    assert state(world, "paused_until < clock_timestamp() + interval '16 seconds'")


def test_a_trial_whose_worker_died_is_followed_by_another(world, notes):
    fail(world, notes)
    end_pause(world)
    make_due(world)

    def die() -> None:
        raise SystemExit

    world.psa.next_calls("send_note", die)
    with pytest.raises(SystemExit):
        world.push(notes[5])
    assert world.push(notes[6]).state == "pending"
    end_pause(world)
    assert world.push(notes[6]).state == "sent"


def test_a_trial_that_our_own_limit_holds_back_has_tried_nothing(world, notes):
    fail(world, notes)
    end_pause(world)
    world.psa.next_calls("send_note", OwnLimitError("used up", retry_after=timedelta(seconds=3)))
    world.push(notes[5])
    assert state(world, "failures, paused_until < clock_timestamp() + interval '4 seconds'") == (5, True)
    assert entry(world, notes[5]) == ("pending", 0)


def test_our_own_limit_pauses_nothing_and_spends_nothing(world, notes):
    world.psa.next_calls("send_note", OwnLimitError("used up", retry_after=timedelta(seconds=3)))
    assert world.push(notes[0]).state == "pending"
    assert state(world) == (0, False)
    assert entry(world, notes[0], "attempts, sending_at") == (0, None)
    assert world.push(notes[1]).state == "sent"


def test_other_connections_go_on(world, notes):
    fail(world, notes)
    world.do("session.resolve", session=world.started(connection=world.home_tenant.standard))
    assert world.push(world.one("SELECT max(id) FROM outbox")).state == "sent"


def test_who_finds_no_place_leaves_the_entry_and_the_delivery_as_they_are(world, notes):
    delivery_id = world.ticket_changed("100")
    world.context.providers["connectwise"].calls_at_once = 0
    assert world.push(notes[0]).state == "pending"
    world.interpret(delivery_id)
    assert world.psa.calls == []
    assert entry(world, notes[0]) == ("pending", 0)
    assert world.one("SELECT attempts FROM delivery") == 0


def test_a_call_that_is_over_gives_its_place_to_another_ticket(world, notes):
    world.published.clear()
    world.push(notes[0])
    (woken,) = [hint.arguments["outbox_id"] for hint in world.published if hint.task == "psa.push"]
    assert woken in notes[1:]
    deliveries = [world.ticket_changed(ticket) for ticket in ("100", "101")]
    world.published.clear()
    world.interpret(deliveries[0])
    hinted = [h.arguments["delivery_id"] for h in world.published if h.task == "delivery.interpret"]
    assert hinted == deliveries[1:]
