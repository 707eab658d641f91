"""Saves, flushes and closings of one walk at the same time, each stopped at every boundary it has."""

from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from tests.integration.noting import (
    WAITERS,
    WAYS,
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
from worker import crash_points
from worker.crash_points import CrashPoint
from worker.services.notes import flushing, writing
from worker.services.notes.flushing import flush_due, flush_session

pytestmark = pytest.mark.integration

CLOSINGS = {
    "session.resolve": {},
    "session.escalate": {"escalation_reason": "x"},
    "session.abandon": {"reason": "x"},
}


def flush_one(world, session):
    flush_session(world.context, session_id=session)


def flush_account(world, session):
    flush_due(world.context, account_id=world.home_tenant.account_id)


def make_due(world):
    world.rows("UPDATE note_draft SET due_at = now() - interval '1 second' WHERE due_at IS NOT NULL")


@pytest.fixture
def gate_at(monkeypatch):
    """Put a gate at a boundary of the flush, or at a crash point."""

    def put(place):
        gate = Gate(place if isinstance(place, CrashPoint) else None)
        if gate.point is not None:
            monkeypatch.setattr(crash_points, "_armed", lambda: gate)
            return gate
        module, name = {
            "before it reads": (flushing, "write_drafts"),
            "between writing and completing": (writing, "complete"),
        }[place]
        real = getattr(module, name)

        def gated(*arguments: Any, **more: Any) -> Any:
            gate.hold()
            return real(*arguments, **more)

        monkeypatch.setattr(module, name, gated)
        return gate

    return put


@pytest.mark.parametrize("flush", [flush_one, flush_account])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "place",
    [
        "before it reads",
        "between writing and completing",
        CrashPoint.FLUSH_BEFORE_COMMIT,
        CrashPoint.FLUSH_COMMITTED,
    ],
)
def test_a_save_at_any_boundary_of_a_flush_is_in_the_walk_after_the_next_one(
    world, gate_at, flush, way, place
):
    session = standard_walk(world)
    WAYS[way](world, session, "one", 1)
    make_due(world)
    before = draft(world, session, "first_dirty_at")
    gate = gate_at(place)
    flushing_task = Task(partial(flush, world, session))
    gate.wait_until_reached()
    saving = Task(partial(WAYS[way], world, session, "two", 2))
    wait_until_it_waits(world, saving)
    gate.open()
    flushing_task.result()
    saving.result()

    assert draft(world, session, "notes, revision") == (notes("two"), 2)
    written, first_dirty_at, unwritten = draft(
        world, session, "written_revision, first_dirty_at, unwritten_saves"
    )
    assert world.walk(session, "walk_notes") == {0: [], 1: notes("one"), 2: notes("two")}[written]
    if place != "before it reads" or way == "through the lane":
        assert (written, unwritten) == (1, 1)
        assert first_dirty_at > before, "its longest wait begins anew"
    elif flush is flush_one:
        assert (written, unwritten) == (2, 0)
    else:
        assert (written, unwritten, first_dirty_at) == (0, 2, before), (
            "the pause began anew, the wait did not"
        )
    flush_one(world, session)
    assert world.walk(session, "walk_notes") == notes("two")
    assert draft(world, session, "written_revision, due_at, first_dirty_at, unwritten_saves") == (
        *(2, None, None, 0),
    )


def test_a_direct_save_does_not_wait_for_the_flush_that_is_writing_its_walk(world, gate_at):
    """It waits only for the moment between completing and the commit."""
    session = standard_walk(world)
    save(world, session, "one", 1)
    gate = gate_at("between writing and completing")
    flushing_task = Task(partial(flush_one, world, session))
    gate.wait_until_reached()
    assert save(world, session, "two", 2)["outcome"] == "applied"
    assert world.walk(session, "walk_notes") == [], "nothing of the flush is committed yet"
    gate.open()
    flushing_task.result()
    assert draft(world, session) == (notes("two"), 2, 1)


def test_many_saves_during_one_flush_are_all_counted_as_unwritten(world, gate_at):
    session = standard_walk(world)
    save(world, session, "0", 1)
    gate = gate_at("between writing and completing")
    flushing_task = Task(partial(flush_one, world, session))
    gate.wait_until_reached()
    for revision in range(2, 7):
        save(world, session, str(revision), revision)
    gate.open()
    flushing_task.result()
    assert draft(world, session, "revision, written_revision, unwritten_saves") == (6, 1, 5)
    waits = "due_at <= first_dirty_at + interval '10 seconds', due_at > saved_at"
    assert draft(world, session, waits) == (True, True)


@pytest.mark.parametrize("second", [flush_one, flush_account])
def test_two_flushes_of_one_session_at_once_write_it_once(world, gate_at, second):
    session = standard_walk(world)
    save(world, session, "one", 1)
    make_due(world)
    with counted_writes(world, "l1_walk_session") as [writes]:
        gate = gate_at("between writing and completing")
        first = Task(partial(flush_account, world, session))
        gate.wait_until_reached()
        other = Task(partial(second, world, session))
        wait_until_it_waits(world, other)
        assert other.is_done == (second is flush_account), "a batch leaves alone what another one has"
        gate.open()
        first.result()
        other.result()
        assert writes.count() == 1
    assert draft(world, session) == (notes("one"), 1, 1)


def test_a_flush_that_comes_late_does_not_write_what_became_dirty_again(world, gate_at):
    """Two workers chose the same draft; before the slower one came, it was written, and saved again."""
    session = standard_walk(world)
    save(world, session, "one", 1)
    make_due(world)
    gate = gate_at("before it reads")
    slow = Task(partial(flush_account, world, session))
    gate.wait_until_reached()
    world.rows(
        'UPDATE note_draft SET notes = \'[{"text": "two"}]\', revision = 2, version = version + 1,'
        " written_revision = 1, first_dirty_at = now(), due_at = now() + interval '2 seconds'"
    )
    gate.open()
    slow.result()
    assert world.walk(session, "walk_notes") == []
    assert draft(world, session, "written_revision, due_at IS NOT NULL") == (1, True)


@pytest.mark.parametrize("closing", CLOSINGS)
def test_a_save_that_was_first_is_in_the_walk_that_closes_after_it(world, gate_at, closing):
    session = standard_walk(world)
    gate = gate_at(CrashPoint.SAVE_BEFORE_COMMIT)
    saving = Task(partial(save, world, session, "one", 1))
    gate.wait_until_reached()
    closes = Task(partial(world.do, closing, session=session, **CLOSINGS[closing]))
    wait_until_it_waits(world, closes)
    assert not closes.is_done
    gate.open()
    assert saving.result()["outcome"] == "applied"
    assert closes.result()["outcome"] == "applied"
    assert world.walk(session, "walk_notes") == notes("one")
    assert "- one" in world.one("SELECT content ->> 'text' FROM outbox WHERE kind = 'note'")


@pytest.mark.parametrize("closing", CLOSINGS)
def test_a_save_that_waits_for_the_closing_transaction_is_refused_as_closed_and_kept(world, gate_at, closing):
    """It was under way before the closing was given: only the draft's own row can tell it."""
    first, closed = sorted([standard_walk(world, "1"), standard_walk(world, "2")])
    ticket = world.walk(closed, "(SELECT external_id FROM ticket WHERE id = ticket_id)")
    save(world, closed, "in time", 1)
    delivery_id = delivers_save(world, first, "one", 1)
    delivers_save(world, closed, "too late", 2)
    with world.owner.connect() as holder, holder.begin():
        holder.execute(text("SELECT FROM note_draft WHERE session_id = :id FOR UPDATE"), {"id": first})
        saving = Task(partial(world.interpret, delivery_id))
        world.until(lambda: world.one(WAITERS) == 1)
        gate = gate_at(CrashPoint.LANE_BEFORE_COMMIT)
        closes = Task(partial(world.do, closing, session=closed, **CLOSINGS[closing]))
        gate.wait_until_reached()
    # let go of the first draft, it comes to the second one, which the closing transaction holds
    wait_until_it_waits(world, saving)
    assert not saving.is_done
    gate.open()
    assert closes.result()["outcome"] == "applied"
    saving.result()
    world.apply(ticket)
    assert draft(world, first, "notes") == notes("one")
    assert draft(world, closed, "notes, closed_at IS NOT NULL, due_at") == (notes("in time"), True, None)
    assert world.walk(closed, "walk_notes") == notes("in time")
    kept = (
        "SELECT c.state, c.result ->> 'code', c.payload -> 'notes' FROM command c WHERE type = 'notes.save'"
    )
    assert world.rows(kept) == [("refused", "closed", notes("too late"))]


@pytest.mark.parametrize("closing", CLOSINGS)
def test_a_closing_that_meets_a_flush_waits_for_it_and_closes_a_clean_draft(world, gate_at, closing):
    session = standard_walk(world)
    save(world, session, "one", 1)
    gate = gate_at("between writing and completing")
    flushing_task = Task(partial(flush_one, world, session))
    gate.wait_until_reached()
    save(world, session, "two", 2)
    closes = Task(partial(world.do, closing, session=session, **CLOSINGS[closing]))
    wait_until_it_waits(world, closes)
    assert not closes.is_done
    gate.open()
    flushing_task.result()
    assert closes.result()["outcome"] == "applied"
    assert world.walk(session, "walk_notes") == notes("two")
    assert draft(world, session, "written_revision, due_at, closed_at IS NOT NULL") == (2, None, True)
    assert "- two" in world.one("SELECT content ->> 'text' FROM outbox WHERE kind = 'note'")


@pytest.mark.parametrize("closing", CLOSINGS)
def test_a_batch_leaves_a_walk_alone_that_is_closing_and_writes_the_others(world, gate_at, closing):
    closed, other = standard_walk(world, "1"), standard_walk(world, "2")
    save(world, closed, "one", 1)
    save(world, other, "two", 1)
    make_due(world)
    gate = gate_at(CrashPoint.LANE_BEFORE_COMMIT)
    closes = Task(partial(world.do, closing, session=closed, **CLOSINGS[closing]))
    gate.wait_until_reached()
    flush_account(world, closed)
    assert world.walk(other, "walk_notes") == notes("two"), "nobody waits for the one that closes"
    gate.open()
    closes.result()
    assert world.walk(closed, "walk_notes") == notes("one")
    assert draft(world, closed, "written_revision, due_at") == (1, None)


def test_an_idle_walk_whose_draft_is_being_written_is_not_abandoned(world, gate_at):
    session = standard_walk(world)
    untouched_since = world.one("SELECT now()").isoformat()
    save(world, session, "one", 1)
    gate = gate_at("between writing and completing")
    flushing_task = Task(partial(flush_one, world, session))
    gate.wait_until_reached()
    more = {"reason": "idle", "untouched_since": untouched_since}
    idle = Task(partial(world.do, "session.abandon", session=session, **more))
    wait_until_it_waits(world, idle)
    gate.open()
    flushing_task.result()
    assert idle.result()["outcome"] == "applied"
    assert world.walk(session, "status") == "active"


def test_a_walk_that_closes_while_its_draft_is_being_written_tells_the_psa_what_was_written(world, gate_at):
    """The turn has read the walk before the flush it waits for has committed."""
    session = standard_walk(world)
    save(world, session, "one", 1)
    gate = gate_at("between writing and completing")
    flushing_task = Task(partial(flush_one, world, session))
    gate.wait_until_reached()
    resolving = Task(partial(world.do, "session.resolve", session=session))
    wait_until_it_waits(world, resolving)
    gate.open()
    flushing_task.result()
    assert resolving.result()["outcome"] == "applied"
    assert "- one" in world.one("SELECT content->>'text' FROM outbox WHERE kind = 'note'")
