"""Bursts: however many saves come, the walk is written once per pause, and never starved of a write."""

import itertools
from datetime import timedelta
from functools import partial

import pytest
import structlog

from tests.integration.noting import counted_writes, deliver_all, draft, notes, save, standard_walk
from worker.services import views
from worker.services.notes import flushing
from worker.services.notes.flushing import flush_due
from worker.services.sweep import sweep

pytestmark = pytest.mark.integration

SAVES = 1_000


def deliver_saves(world, session, revisions):
    """Store deliveries as the receiver does those that come together. Return the first one's id."""
    data = [
        {"session_id": session, "notes": notes(str(revision)), "revision": revision} for revision in revisions
    ]
    return deliver_all(world, "notes.save", data)[0]


def look(world):
    """Do what the timer and its task do, every half a second."""
    flush_due(world.context, account_id=world.home_tenant.account_id)


def let_time_pass(world, seconds):
    """Move the drafts' times into the past: so much later it is now."""
    world.rows(
        "UPDATE note_draft SET due_at = due_at - :time, first_dirty_at = first_dirty_at - :time,"
        " saved_at = saved_at - :time",
        time=timedelta(seconds=seconds),
    )


def test_a_thousand_webhooks_within_five_seconds_are_two_writes_to_the_walk_at_most(world):
    """As they arrive, in batches, with the timer looking all the time."""
    session = standard_walk(world)
    with counted_writes(world, "l1_walk_session", "note_draft") as [walk, drafts]:
        for first in range(1, SAVES, 100):
            world.interpret(deliver_saves(world, session, range(first, first + 100)))
            look(world)
        assert draft(world, session, "revision") == SAVES
        # a flush writes two rows: the walk's, and the draft's as written
        assert drafts.count() <= 10 + 2 * walk.count()
        world.pause_is_over(session)
        assert walk.count() <= 2
    assert world.walk(session, "walk_notes") == notes(str(SAVES))
    assert world.one("SELECT count(*) FROM command WHERE type = 'notes.save'") == 0
    assert world.one("SELECT sum(saves) FROM note_tally") == SAVES


def test_a_thousand_saves_by_hand_from_threads_are_few_rows_and_one_write_to_the_walk(world):
    session = standard_walk(world)
    numbers = itertools.count(1)

    def typist():
        for _ in range(SAVES // 20):
            number = next(numbers)
            assert save(world, session, str(number), number)["outcome"] in {"applied", "refused", "waiting"}

    with counted_writes(world, "l1_walk_session", "note_draft") as [walk, drafts]:
        world.at_once(*[typist] * 20)
        world.apply()
        assert draft(world, session, "revision") == SAVES
        assert drafts.count() < SAVES / 2
        world.pause_is_over(session)
        assert walk.count() == 1
    assert world.walk(session, "walk_notes") == notes(str(SAVES))


def test_a_typist_who_never_pauses_is_written_every_ten_seconds(world):
    session = standard_walk(world)
    written_at = []
    for second in range(1, 36):
        save(world, session, str(second), second)
        let_time_pass(world, 1)
        before = draft(world, session, "written_revision")
        look(world)
        if draft(world, session, "written_revision") != before:
            written_at.append(second)
    assert written_at == [10, 20, 30]
    assert world.walk(session, "walk_notes") == notes("30")


def test_the_longest_wait_counts_from_the_oldest_save_that_is_not_written(world):
    """Not from the last one, and not from one that a flush has written."""
    session = standard_walk(world)
    waits = "extract(epoch FROM due_at - first_dirty_at)::float8"
    save(world, session, "0", 1)
    for number in range(2, 9):
        let_time_pass(world, 1.5)
        save(world, session, "x", number)
    assert draft(world, session, waits) == 10.0
    assert draft(world, session, "extract(epoch FROM now() - first_dirty_at) > 10")
    look(world)
    assert draft(world, session, "due_at") is None
    save(world, session, "y", 9)
    assert draft(world, session, "now() - first_dirty_at < interval '1 second'")
    assert draft(world, session, waits) == 2.0


def test_a_save_of_a_draft_that_is_overdue_does_not_put_it_off(world):
    session = standard_walk(world)
    save(world, session, "one", 1)
    let_time_pass(world, 11)
    save(world, session, "two", 2)
    assert draft(world, session, "due_at < now()")
    look(world)
    assert world.walk(session, "walk_notes") == notes("two")


def test_more_drafts_than_one_batch_are_written_by_one_task(world, monkeypatch):
    monkeypatch.setattr(flushing, "BATCH_LIMIT", 2)
    sessions = [standard_walk(world, str(ticket)) for ticket in range(5)]
    for session in sessions:
        save(world, session, session, 1)
    let_time_pass(world, 3)
    look(world)
    assert [world.walk(session, "walk_notes") for session in sessions] == [notes(s) for s in sessions]


def test_a_task_that_has_written_its_batches_asks_for_another_one(world, monkeypatch):
    monkeypatch.setattr(flushing, "BATCH_LIMIT", 1)
    monkeypatch.setattr(flushing, "BATCHES", 2)
    for ticket in range(3):
        save(world, standard_walk(world, str(ticket)), "x", 1)
    let_time_pass(world, 3)
    world.published.clear()
    look(world)
    assert [hint.task for hint in world.published] == ["notes.flush"]
    assert world.one("SELECT count(*) FROM note_draft WHERE due_at IS NOT NULL") == 1


def test_each_account_with_due_drafts_gets_one_hint_that_carries_no_content(world):
    for ticket in range(3):
        save(world, standard_walk(world, str(ticket)), "x", 1)
    let_time_pass(world, 3)
    world.published.clear()
    assert sweep(world.context)["drafts"] == 1
    [hint] = world.published
    assert hint.arguments == {"account_id": str(world.home_tenant.account_id)}


def test_the_sweep_asks_for_no_flag_that_a_lost_wake_up_may_have_left(world):
    save(world, standard_walk(world), "x", 1)
    let_time_pass(world, 3)
    world.published.clear()
    sweep(world.context)
    assert [(hint.task, hint.repeats) for hint in world.published] == [("notes.flush", True)]


def test_a_draft_that_cannot_be_written_holds_up_no_other_and_is_put_off(world):
    bad, *good = [standard_walk(world, str(ticket)) for ticket in range(4)]
    for session in (bad, *good):
        save(world, session, "x", 1)
    world.rows("ALTER TABLE l1_walk_session ADD CONSTRAINT broken CHECK (id <> '" + bad + "') NOT VALID")
    try:
        let_time_pass(world, 3)
        with structlog.testing.capture_logs() as logs:
            look(world)
            look(world)
    finally:
        world.rows("ALTER TABLE l1_walk_session DROP CONSTRAINT broken")
    assert [world.walk(session, "walk_notes") for session in good] == [notes("x")] * 3
    assert [(line["event"], line["session_id"]) for line in logs] == [("draft not written", bad)]
    assert draft(world, bad, "due_at > now() + interval '50 seconds', written_revision") == (True, 0)
    let_time_pass(world, 61)
    look(world)
    assert world.walk(bad, "walk_notes") == notes("x")


def test_the_account_of_a_draft_is_the_only_one_that_a_flush_writes(world):
    mine = standard_walk(world)
    rival = world.tenant("Rival")
    theirs = world.do("session.start_adhoc", connection=rival.psa, ticket="1", user="tech@rival.example")
    save(world, mine, "mine", 1)
    save(world, theirs["session_id"], "theirs", 1)
    let_time_pass(world, 3)
    flush_due(world.context, account_id=rival.account_id)
    assert world.walk(mine, "walk_notes") == []
    assert world.walk(theirs["session_id"], "walk_notes") == notes("theirs")


def test_a_walk_shows_when_its_draft_is_due(world):
    session = standard_walk(world)
    show = partial(views.walk, session_id=session)
    with world.context.uow.begin(world.home_tenant.account_id) as tx:
        assert show(tx)["notes_due_at"] is None
    saved = save(world, session, "one", 1)
    with world.context.uow.begin(world.home_tenant.account_id) as tx:
        assert show(tx)["notes_due_at"] == saved["due_at"]
