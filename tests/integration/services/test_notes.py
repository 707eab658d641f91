"""Saving notes, and writing them to the walk once per pause."""

import threading

import pytest
from sqlalchemy import select

from worker.db.models import NoteDraftRow
from worker.services.notes.flushing import flush_by_name, flush_session

pytestmark = pytest.mark.integration

ONE, TWO = [{"text": "one"}], [{"text": "two"}]


def draft(world, session, columns="notes, revision, written_revision"):
    query = f"SELECT {columns} FROM note_draft WHERE session_id = :id"  # noqa: S608 - the tests' own literals
    return world.one(query, id=session)


def save(world, session, notes, revision=None):
    more = {} if revision is None else {"revision": revision}
    return world.do("notes.save", session=session, notes=notes, **more)


def test_an_acknowledged_save_is_in_the_draft_and_not_yet_in_the_walk(world):
    session = world.started()
    result = save(world, session, ONE, 7)
    assert (result["outcome"], result["revision"]) == ("applied", 7)
    assert draft(world, session) == (ONE, 7, 0)
    assert world.walk(session, "walk_notes, last_step_at") == ([], None)
    assert world.one("SELECT count(*) FROM audit_log") == 0


def test_empty_values_in_notes_are_kept(world):
    session = world.started()
    notes = [{"text": "a", "checked": None, "deep": {"b": [None, {"c": None}]}}]
    save(world, session, notes)
    assert draft(world, session, "notes") == notes


def test_the_highest_revision_wins_not_the_last_to_arrive(world):
    session = world.started()
    save(world, session, TWO, 8)
    for revision in (7, 8):
        result = save(world, session, ONE, revision)
        assert (result["outcome"], result["code"], result["current_revision"]) == ("refused", "stale", 8)
    assert draft(world, session) == (TWO, 8, 0)


def test_a_save_without_a_revision_is_one_newer(world):
    session = world.started()
    assert [save(world, session, ONE)["revision"] for _ in range(3)] == [1, 2, 3]


def test_a_save_after_closing_is_refused_and_the_walk_keeps_its_notes(world):
    session = world.started()
    save(world, session, ONE, 1)
    world.do("session.resolve", session=session)
    result = save(world, session, TWO, 2)
    assert (result["outcome"], result["code"]) == ("refused", "closed")
    assert world.walk(session, "walk_notes") == ONE


def test_notes_that_are_too_large_are_refused_and_the_last_good_draft_stays(world):
    session = world.started()
    save(world, session, ONE, 1)
    with pytest.raises(world.refusal, match="the notes are 307213 bytes"):
        save(world, session, [{"text": "x" * 300 * 1024}], 2)
    assert draft(world, session) == (ONE, 1, 0)


def test_a_draft_is_due_two_seconds_after_a_save_and_ten_after_the_first(world):
    session = world.started()
    save(world, session, ONE)
    waits = "extract(epoch FROM due_at - first_dirty_at)::float8"
    assert draft(world, session, waits) == 2.0
    world.rows("UPDATE note_draft SET first_dirty_at = now() - interval '9.5 seconds'")
    save(world, session, TWO)
    assert draft(world, session, waits) == 10.0


def test_a_flush_writes_the_newest_revision_and_leaves_a_clean_draft(world):
    session = world.started()
    save(world, session, ONE)
    save(world, session, TWO)
    done = flush_session(world.context, session_id=session)
    assert done.revision == 2
    assert world.walk(session, "walk_notes, last_step_at IS NOT NULL") == (TWO, True)
    assert draft(world, session, "written_revision, first_dirty_at, due_at") == (2, None, None)
    assert flush_session(world.context, session_id=session).revision is None


def test_a_flush_that_comes_early_leaves_the_draft_to_its_pause(world):
    session = world.started()
    save(world, session, ONE)
    assert flush_by_name(world.context, session, only_due=True)["revision"] is None
    world.rows("UPDATE note_draft SET due_at = now() - interval '1 second'")
    assert flush_by_name(world.context, session, only_due=True)["revision"] == 1


@pytest.mark.parametrize("name", ["nonsense", "00000000-0000-0000-0000-000000000001"])
def test_a_flush_of_an_unknown_session_is_refused(world, name):
    with pytest.raises(world.refusal) as refused:
        flush_by_name(world.context, name, only_due=False)
    assert refused.value.code == "unknown_session"


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("session.resolve", {}),
        ("session.escalate", {"escalation_reason": "x"}),
        ("session.abandon", {"reason": "x"}),
    ],
)
def test_closing_a_walk_writes_its_draft_first(world, command, arguments):
    session = world.started()
    save(world, session, ONE, 3)
    assert world.do(command, session=session, **arguments)["outcome"] == "applied"
    assert world.walk(session, "walk_notes") == ONE
    assert draft(world, session, "written_revision, due_at") == (3, None)
    assert "- one" in world.one("SELECT content->>'text' FROM outbox WHERE kind = 'note'")


def test_a_save_that_comes_while_a_flush_runs_leaves_the_draft_dirty_again(world):
    session = world.started()
    for revision in range(1, 21, 2):
        save(world, session, ONE, revision)
        world.at_once(
            lambda: flush_session(world.context, session_id=session),
            lambda revision=revision: save(world, session, TWO, revision + 1),
        )
        newest, written, dirty = draft(world, session, "revision, written_revision, due_at IS NOT NULL")
        assert newest == revision + 1
        assert dirty == (written < newest)
        assert world.walk(session, "walk_notes") == (ONE if dirty else TWO)


def test_a_flush_waits_for_a_turn_on_its_ticket_and_neither_is_a_victim(world):
    """A turn writes the walk and then wants the draft; the flush must not hold the draft meanwhile."""
    session = world.started("flow")
    save(world, session, ONE)
    flushed: list[object] = []
    with world.owner.connect() as turn, turn.begin():
        turn.exec_driver_sql("SELECT id FROM ticket FOR UPDATE")
        turn.exec_driver_sql("UPDATE l1_walk_session SET step_count = step_count")
        flush = threading.Thread(
            target=lambda: flushed.append(flush_session(world.context, session_id=session))
        )
        flush.start()
        world.until(
            lambda: world.one("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == 1
        )
        assert turn.execute(select(NoteDraftRow.revision).with_for_update(nowait=True)).scalar_one() == 1
    flush.join(30)
    assert len(flushed) == 1
