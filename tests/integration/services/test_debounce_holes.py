"""One test per hole that a debounce product is known to have; docs/notes.md says which, and where it is told.

Each is named for the hole. What is said of a product is what its source or its issues say.
"""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from tests.integration.noting import (
    Gate,
    Task,
    counted_writes,
    delivers_save,
    draft,
    notes,
    save,
    standard_walk,
    wait_until_it_waits,
)
from tests.integration.stored_ticket import DeathError, Trap
from worker import crash_points
from worker.crash_points import CrashPoint
from worker.services.notes import flushing, writing
from worker.services.notes.flushing import flush_by_name, flush_due, flush_session
from worker.services.notes.writing import Written, complete
from worker.services.sweep import sweep

pytestmark = pytest.mark.integration

A_MONTH = timedelta(days=30)


def flush(world):
    """Do what the task does that a hint starts."""
    return flush_due(world.context, account_id=world.home_tenant.account_id)["written"]


def make_due(world):
    world.rows("UPDATE note_draft SET due_at = now() - interval '1 second' WHERE due_at IS NOT NULL")


@pytest.fixture
def gate(monkeypatch):
    """A gate in every flush, after it has written the walk and before it says so."""
    made = Gate()
    real = writing.complete

    def gated(*arguments: Any) -> None:
        made.hold()
        real(*arguments)

    monkeypatch.setattr(writing, "complete", gated)
    return made


@pytest.fixture
def trap(monkeypatch):
    made = Trap()
    monkeypatch.setattr(crash_points, "_armed", lambda: made)
    return made


# What users of many products report.


def test_hole_a_a_save_during_the_flush_is_lost(world, gate):
    """Oban #635, BullMQ, arq #520: an update of what is being executed."""
    session = standard_walk(world)
    save(world, session, "one", 1)
    running = Task(partial(flush_session, world.context, session_id=session))
    gate.wait_until_reached()
    save(world, session, "two", 2)
    gate.open()
    running.result()
    world.pause_is_over(session)
    assert world.walk(session, "walk_notes") == notes("two")


def test_hole_b_a_save_between_due_and_picked_up_is_lost(world):
    """BullMQ: a job that left `delayed` and is not yet `active` takes no new data (`deduplicateJob.lua`)."""
    session = standard_walk(world)
    save(world, session, "one", 1)
    make_due(world)
    flushing.hint_due_drafts(world.context)  # on its way to a worker
    save(world, session, "two", 2)
    world.pause_is_over(session)
    assert world.walk(session, "walk_notes") == notes("two")


def test_hole_c_without_a_cap_a_typist_who_never_pauses_is_never_written(world):
    """Graphile `replace`, BullMQ, Oban; Trigger.dev and Inngest unless told."""
    session = standard_walk(world)
    first = save(world, session, "1", 1)["due_at"]
    latest = draft(world, session, "first_dirty_at") + timedelta(seconds=10)
    for number in range(2, 12):
        world.rows(
            "UPDATE note_draft SET first_dirty_at = first_dirty_at - interval '1 second'"
            " WHERE session_id = :id",
            id=session,
        )
        latest -= timedelta(seconds=1)
        save(world, session, str(number), number)
    assert draft(world, session, "due_at") == latest
    assert first is not None
    assert flush(world) == 1


def test_hole_d_the_cap_is_each_calls_own(world):
    """Trigger.dev: `maxDelay` is that of each call. Here it counts from a time that stands in the row."""
    session = standard_walk(world)
    save(world, session, "one", 1)
    started = draft(world, session, "first_dirty_at")
    object.__setattr__(world.context, "note_quiet_period", timedelta(hours=1))
    save(world, session, "two", 2)
    assert draft(world, session, "first_dirty_at, due_at") == (started, started + timedelta(seconds=10))


@pytest.mark.parametrize("older", [1, 2])
def test_hole_e_an_older_one_that_comes_late_overwrites_or_extends(world, older):
    """Inngest PR #4800, #975: an older event overwrote a newer one in the gap between two writes."""
    session = standard_walk(world)
    save(world, session, "newer", 3)
    before = draft(world, session, "notes, due_at, first_dirty_at, version")
    assert save(world, session, "older", older)["code"] == "stale"
    assert draft(world, session, "notes, due_at, first_dirty_at, version") == before


def test_hole_f_the_timers_message_is_lost(world):
    session = standard_walk(world)
    save(world, session, "one", 1)
    make_due(world)
    flushing.hint_due_drafts(world.context)
    world.published.clear()  # Redis was emptied
    sweep(world.context)
    assert [hint.task for hint in world.published] == ["notes.flush"]
    flush_due(world.context, **{**world.published[0].arguments, "account_id": world.home_tenant.account_id})
    assert world.walk(session, "walk_notes") == notes("one")


def test_hole_f_the_timers_message_comes_twice_or_early_or_late(world):
    session = standard_walk(world)
    save(world, session, "one", 1)
    with counted_writes(world, "l1_walk_session") as [writes]:
        flush(world)  # early
        assert flush_by_name(world.context, session, only_due=True)["revision"] is None
        assert writes.count() == 0
        make_due(world)
        flush(world)
        flush(world)  # twice
        flush_by_name(world.context, session, only_due=True)  # late
        assert writes.count() == 1


def test_hole_g_a_lock_is_left_by_a_dead_process(world, trap):
    """celery-once #147, #110; sidekiq-unique-jobs: until its reaper comes. Here a lock is a transaction's."""
    session = standard_walk(world)
    save(world, session, "one", 1)
    make_due(world)
    trap.point = CrashPoint.FLUSH_BEFORE_COMMIT
    with pytest.raises(DeathError):
        flush(world)
    assert (flush(world), world.walk(session, "walk_notes")) == (1, notes("one"))


def test_hole_g_a_flush_whose_connection_is_cut_leaves_its_draft_to_the_next(world, gate):
    session = standard_walk(world)
    save(world, session, "one", 1)
    make_due(world)
    running = Task(partial(flush, world))
    gate.wait_until_reached()
    world.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ticketwalk'"
        " AND state = 'idle in transaction'"
    )
    gate.open()
    with pytest.raises(DBAPIError):
        running.result()
    assert draft(world, session, "written_revision") == 0
    assert (flush(world), world.walk(session, "walk_notes")) == (1, notes("one"))


def test_hole_h_two_flushes_run_in_parallel(world, gate):
    """Graphile: a new job of a key beside the locked one; BullMQ: a parallel one after the ttl."""
    session = standard_walk(world)
    save(world, session, "one", 1)
    make_due(world)
    with counted_writes(world, "l1_walk_session") as [writes]:
        running = Task(partial(flush, world))
        gate.wait_until_reached()
        assert flush(world) == 0
        gate.open()
        assert running.result() == 1
        assert writes.count() == 1


def test_hole_i_only_the_last_event_is_kept_and_what_came_before_it_is_not_known(world):
    """Inngest #3695. Every delivery stays as it was sent, and each save is counted."""
    session = standard_walk(world)
    first = [delivers_save(world, session, text, number) for number, text in enumerate("abc", 1)]
    world.interpret(first[0])
    world.pause_is_over(session)
    kept = (
        "SELECT convert_from(body, 'UTF8')::jsonb #>> '{data,notes,0,text}', state FROM delivery ORDER BY id"
    )
    assert world.rows(kept) == [(text, "interpreted") for text in "abc"]
    assert world.one("SELECT sum(writes)::int, sum(saves)::int FROM note_tally") == (1, 3)


def test_hole_j_the_payload_is_frozen_when_the_message_is_sent(world):
    """Oban: a running job keeps its old arguments; Procrastinate, River, pg-boss: the first payload."""
    session = standard_walk(world)
    save(world, session, "at first", 1)
    make_due(world)
    world.published.clear()
    flushing.hint_due_drafts(world.context)
    [hint] = world.published
    assert hint.arguments.keys() == {"account_id"}
    world.rows(
        "UPDATE note_draft SET first_dirty_at = now() - interval '1 hour' WHERE session_id = :id", id=session
    )
    save(world, session, "at last", 2)  # overdue, so it is written by what is on its way
    assert (flush(world), world.walk(session, "walk_notes")) == (1, notes("at last"))


# What single products do.


def test_graphile_a_call_is_answered_with_nothing_under_contention(world):
    """Graphile #580: `add_job` returns null. Oban: a conflict without an id, where no lock was obtained."""
    session = standard_walk(world)
    saves = [partial(save, world, session, str(number), number) for number in range(1, 17)]
    answers = world.at_once(*saves)
    world.apply()
    assert all(answer["outcome"] in {"applied", "refused", "waiting"} for answer in answers)
    taken = [answer for answer in answers if answer["outcome"] == "applied"]
    assert all(answer["revision"] and answer["due_at"] for answer in taken)
    assert draft(world, session, "revision, notes") == (16, notes("16"))


def test_graphile_a_flush_that_failed_forgets_since_when_it_is_owed(world, trap):
    """A failed job is reset by the next `add_job`, which loses `preserve_run_at` (`job-key.md`)."""
    session = standard_walk(world)
    save(world, session, "one", 1)
    make_due(world)
    since = draft(world, session, "first_dirty_at")
    trap.point = CrashPoint.FLUSH_BEFORE_COMMIT
    with pytest.raises(DeathError):
        flush(world)
    save(world, session, "two", 2)
    assert draft(world, session, "first_dirty_at, unwritten_saves") == (since, 2)


def test_bullmq_a_trigger_is_lost_for_ever(world, gate):
    """#3151, #3427: ignored until the running one has finished, and then nobody comes again."""
    session = standard_walk(world)
    save(world, session, "one", 1)
    running = Task(partial(flush_session, world.context, session_id=session))
    gate.wait_until_reached()
    save(world, session, "two", 2)
    gate.open()
    running.result()
    make_due(world)
    world.published.clear()
    sweep(world.context)
    assert [hint.task for hint in world.published] == ["notes.flush"]


def test_bullmq_removing_one_by_hand_switches_the_debounce_off(world):
    session = standard_walk(world)
    save(world, session, "one", 1)
    flush_by_name(world.context, session, only_due=False)
    with counted_writes(world, "l1_walk_session") as [writes]:
        for number in range(2, 6):
            save(world, session, str(number), number)
            flush(world)
        assert writes.count() == 0
        world.pause_is_over(session)
        assert writes.count() == 1


def test_inngest_the_payload_and_its_time_are_separate_writes(world, trap):
    """TODOs in `updateDebounce.lua`, `newDebounce.lua`. Here both are columns of one row."""
    session = standard_walk(world)
    trap.point = CrashPoint.SAVE_BEFORE_COMMIT
    with pytest.raises(DeathError):
        save(world, session, "one", 1)
    assert draft(world, session, "notes, revision, version, due_at, first_dirty_at") == ([], 0, 0, None, None)


def test_inngest_a_save_after_the_cap_keeps_the_flush_away(world):
    """PR #3554: a debounce can run past its timeout."""
    session = standard_walk(world)
    save(world, session, "one", 1)
    world.rows("UPDATE note_draft SET first_dirty_at = now() - interval '1 minute'")
    for number in range(2, 5):
        save(world, session, str(number), number)
    assert (flush(world), world.walk(session, "walk_notes")) == (1, notes("4"))


def test_trigger_dev_under_lock_contention_the_newest_is_dropped(world):
    """`#handleLockContentionFallback` returns the existing run without the trailing data."""
    session = standard_walk(world)
    save(world, session, "one", 1)
    with world.owner.connect() as holder, holder.begin():
        holder.exec_driver_sql("SELECT FROM note_draft FOR UPDATE")
        saving = Task(partial(save, world, session, "two", 2))
        wait_until_it_waits(world, saving)
        assert not saving.is_done, "it is not answered before it is durable"
    assert saving.result()["outcome"] == "applied"
    assert draft(world, session, "notes") == notes("two")


def test_trigger_dev_the_delay_is_cut_to_whole_seconds(world):
    session = standard_walk(world)
    save(world, session, "one", 1)
    assert draft(world, session, "due_at - saved_at") == timedelta(seconds=2)


@pytest.mark.parametrize("saves", [1, 2, 5])
def test_hatchet_river_procrastinate_celery_once_the_first_wins_or_the_newest_is_dropped(world, saves):
    """lodash: with leading and trailing, the trailing edge comes only after a second call."""
    session = standard_walk(world)
    for number in range(1, saves + 1):
        save(world, session, str(number), number)
    world.pause_is_over(session)
    assert world.walk(session, "walk_notes") == notes(str(saves))


def test_oban_what_is_marked_as_done_is_what_arrived_meanwhile(world, gate):
    """Replacing the arguments of an executing job changes its row; what ran were the old ones."""
    session = standard_walk(world)
    save(world, session, "one", 1)
    running = Task(partial(flush_session, world.context, session_id=session))
    gate.wait_until_reached()
    save(world, session, "two", 2)
    gate.open()
    assert running.result().revision == 1
    assert draft(world, session, "written_revision") == 1
    assert world.walk(session, "walk_notes") == notes("one")


def test_pg_boss_a_later_one_does_not_extend(world):
    """pg-boss #414."""
    session = standard_walk(world)
    first = save(world, session, "one", 1)["due_at"]
    assert save(world, session, "two", 2)["due_at"] > first


def test_arq_a_save_is_refused_while_the_flush_runs(world, gate):
    session = standard_walk(world)
    save(world, session, "one", 1)
    running = Task(partial(flush_session, world.context, session_id=session))
    gate.wait_until_reached()
    assert save(world, session, "two", 2)["outcome"] == "applied"
    gate.open()
    running.result()


def test_celery_once_who_lost_its_lock_frees_that_of_another(world):
    """A plain DELETE without the owner's token. Here a completion names the version that it has written."""
    session = standard_walk(world)
    save(world, session, "one", 1)
    save(world, session, "two", 2)
    read_at = draft(world, session, "saved_at")
    late = Written(session, revision=1, version=1, saves=1, read_at=read_at, late=timedelta(0))
    with world.context.uow.begin(world.home_tenant.account_id) as tx:
        complete(tx, world.context, [late])
    assert draft(world, session, "due_at IS NOT NULL, unwritten_saves") == (True, 1)
    world.pause_is_over(session)
    assert world.walk(session, "walk_notes") == notes("two")


def test_celery_singleton_the_answer_is_about_another_call(world):
    """#14: whoever is blocked gets the result of the one that blocks it."""
    session = standard_walk(world)
    answers = [save(world, session, str(number), number) for number in range(1, 4)]
    assert [answer["revision"] for answer in answers] == [1, 2, 3]


def test_celery_batches_what_is_gathered_is_in_the_memory_of_one_process(world, trap):
    """A save is answered after its commit: who dies then takes nothing along."""
    session = standard_walk(world)
    trap.point = CrashPoint.SAVE_BEFORE_ANSWER
    with pytest.raises(DeathError):
        save(world, session, "one", 1)
    assert draft(world, session, "notes, due_at IS NOT NULL") == (notes("one"), True)
    assert save(world, session, "one", 1)["outcome"] == "duplicate"


def test_polar_after_an_hour_the_key_is_gone(world):
    session = standard_walk(world)
    save(world, session, "one", 1)
    world.rows("UPDATE note_draft SET first_dirty_at = now() - :age, due_at = now() - :age", age=A_MONTH)
    sweep(world.context)
    assert (flush(world), world.walk(session, "walk_notes")) == (1, notes("one"))


def test_outline_one_documents_debounce_takes_the_place_of_anothers(world):
    """Outline #3400: a debounce for the process, not for the document."""
    sessions = [standard_walk(world, str(ticket)) for ticket in range(3)]
    for session in sessions:
        save(world, session, session, 1)
    make_due(world)
    flush(world)
    assert [world.walk(session, "walk_notes") for session in sessions] == [notes(s) for s in sessions]


def test_hocuspocus_after_a_flush_that_took_longer_than_the_cap_each_save_is_written_alone(world, gate):
    """#1110, which Outline saves with: until editing stops or the process is started again."""
    session = standard_walk(world)
    save(world, session, "one", 1)
    with counted_writes(world, "l1_walk_session") as [writes]:
        running = Task(partial(flush_session, world.context, session_id=session))
        gate.wait_until_reached()
        world.rows("UPDATE note_draft SET first_dirty_at = now() - interval '1 minute'")
        for number in range(2, 8):
            save(world, session, str(number), number)
        gate.open()
        running.result()
        for number in range(8, 12):
            flush(world)
            save(world, session, str(number), number)
        world.pause_is_over(session)
        assert writes.count() == 2, "the long one, and one for all that came after"
    assert world.walk(session, "walk_notes") == notes("11")


@pytest.mark.parametrize("number", [2, 1])
def test_discourse_another_one_of_the_same_number_overwrites_and_an_older_one_is_dropped_silently(
    world, number
):
    """`Draft.set`: `return if d.sequence > sequence`, else the data is replaced."""
    session = standard_walk(world)
    save(world, session, "one", 2)
    answer = save(world, session, "another editor's", number)
    assert (answer["outcome"], answer["code"], answer["current_revision"]) == ("refused", "stale", 2)
    assert draft(world, session, "notes") == notes("one")
