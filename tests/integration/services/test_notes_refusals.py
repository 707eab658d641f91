"""Saves that are refused: the sender is told why, the refused one is kept, the last good draft stays."""

from functools import partial
from uuid import uuid4

import pytest

from tests.integration.noting import delivers, delivers_save, draft, notes, save, standard_walk
from worker.base_task import refused
from worker.domain.notes import MAX_NOTES_BYTES
from worker.errors import Refusal

pytestmark = pytest.mark.integration

STALE = ("refused", "stale", 8)


def kept(world):
    """Return what is kept of the refused saves: state, code, current revision, and the text."""
    return world.rows(
        "SELECT state, result ->> 'code', (result ->> 'current_revision')::int,"
        " payload #>> '{notes,0,text}' FROM command WHERE type = 'notes.save' ORDER BY id"
    )


@pytest.mark.parametrize("revision", [7, 8])
def test_an_older_save_by_hand_is_stale_and_says_the_current_revision(world, revision):
    session = standard_walk(world)
    save(world, session, "newest", 8)
    result = save(world, session, "older", revision)
    assert (result["outcome"], result["code"], result["current_revision"]) == STALE
    assert result["reason"] == f"revision {revision} is not newer than revision 8, which is saved"
    assert kept(world) == [(*STALE, "older")]
    assert draft(world, session) == (notes("newest"), 8, 0)


def test_an_older_save_by_webhook_is_stale_and_says_the_current_revision(world):
    session = standard_walk(world)
    world.interpret(delivers_save(world, session, "newest", 8))
    world.interpret(delivers_save(world, session, "older", 7))
    world.apply()
    assert kept(world) == [(*STALE, "older")]
    assert draft(world, session) == (notes("newest"), 8, 0)


def test_an_older_save_between_newer_ones_of_one_batch_is_refused_alone(world):
    session = standard_walk(world)
    ids = [delivers_save(world, session, str(revision), revision) for revision in (1, 3, 2, 4)]
    world.interpret(ids[0])
    world.apply()
    assert kept(world) == [("refused", "stale", 4, "2")]
    assert draft(world, session, "notes, revision, unwritten_saves") == (notes("4"), 4, 3)


def test_a_save_of_a_closed_walk_is_refused_as_closed_by_hand_and_by_webhook(world):
    session = standard_walk(world)
    save(world, session, "in time", 1)
    world.do("session.resolve", session=session)
    result = save(world, session, "by hand", 2)
    assert (result["outcome"], result["code"]) == ("refused", "closed")
    world.interpret(delivers_save(world, session, "by webhook", 3))
    world.apply()
    assert kept(world) == [("refused", "closed", None, "by hand"), ("refused", "closed", None, "by webhook")]
    assert world.walk(session, "walk_notes") == notes("in time")


@pytest.mark.parametrize("more", [0, 1])
def test_the_cap_is_exact_and_counts_bytes_of_compact_utf8_json(world, more):
    session = standard_walk(world)
    save(world, session, "good", 1)
    # [{"text":"..."}] is 13 bytes around the text; an umlaut is two
    text = "ü" + "x" * (MAX_NOTES_BYTES - 13 - 2 + more)
    if not more:
        assert save(world, session, text, 2)["outcome"] == "applied"
        return
    with pytest.raises(Refusal) as error:
        save(world, session, text, 2)
    result = refused(error.value)
    assert (result["outcome"], result["code"]) == ("refused", "too_large")
    assert (result["size_bytes"], result["limit_bytes"]) == (MAX_NOTES_BYTES + 1, MAX_NOTES_BYTES)
    assert draft(world, session) == (notes("good"), 1, 0)


def test_a_save_by_webhook_that_is_too_large_is_kept_with_its_size_and_the_cap(world):
    session = standard_walk(world)
    save(world, session, "good", 1)
    too_large = delivers_save(world, session, "x" * 300_000, 2)
    delivers_save(world, session, "after it", 3)
    world.interpret(too_large)
    state, reason, size = world.one(
        "SELECT state, reason, length(body) FROM delivery WHERE id = :id", id=too_large
    )
    assert (state, reason) == ("refused", "the notes are 300013 bytes; the limit is 262144 bytes")
    assert size > 300_000
    assert draft(world, session) == (notes("after it"), 3, 0)


@pytest.mark.parametrize("way", ["by hand", "by webhook", "through the lane"])
def test_the_same_revision_with_the_same_content_is_no_error(world, way):
    session = standard_walk(world)
    first = save(world, session, "one", 1)
    if way == "by webhook":
        delivery_id = delivers_save(world, session, "one", 1)
        world.interpret(delivery_id)
        assert world.one("SELECT state FROM delivery WHERE id = :id", id=delivery_id) == "interpreted"
    else:
        more = {"user": "tech@acme.example"} if way == "through the lane" else {}
        again = save(world, session, "one", 1, **more)
        assert again["outcome"] == "duplicate"
        assert (again["revision"], again["due_at"]) == (1, first["due_at"]), "nothing is put off by it"
    assert draft(world, session, "version, unwritten_saves") == (1, 1)


@pytest.mark.parametrize("more", [{}, {"user": "tech@acme.example"}])
def test_a_repeated_save_that_is_written_says_that_nothing_is_due(world, more):
    session = standard_walk(world)
    save(world, session, "one", 1)
    world.pause_is_over(session)
    again = save(world, session, "one", 1, **more)
    assert (again["outcome"], again["due_at"]) == ("duplicate", None)
    assert draft(world, session, "due_at") is None


def test_a_save_of_an_unknown_session_is_refused_and_one_by_webhook_is_kept(world):
    with pytest.raises(world.refusal) as error:
        save(world, str(uuid4()), "one", 1)
    assert error.value.code == "unknown_session"
    delivery_id = delivers_save(world, str(uuid4()), "one", 1)
    world.interpret(delivery_id)
    assert world.one("SELECT state FROM delivery WHERE id = :id", id=delivery_id) == "refused"


def test_a_webhook_may_save_only_walks_of_its_own_connections_tickets(world):
    session = world.started()  # of the PSA's connection
    delivery_id = delivers_save(world, session, "foreign", 1)
    world.interpret(delivery_id)
    assert world.one("SELECT state FROM delivery WHERE id = :id", id=delivery_id) == "refused"
    assert draft(world, session) == ([], 0, 0)


# What was sent before a save is applied before it.


def test_a_save_sent_after_a_closing_in_the_same_batch_is_refused_and_one_before_it_is_written(world):
    session = standard_walk(world)
    first = delivers_save(world, session, "before", 1)
    delivers(world, "session.resolve", session_id=session)
    delivers_save(world, session, "after", 2)
    world.interpret(first)
    assert draft(world, session, "notes, revision") == (notes("before"), 1)
    world.apply()
    assert world.walk(session, "status, walk_notes") == ("resolved", notes("before"))
    assert kept(world) == [("refused", "closed", None, "after")]


@pytest.mark.parametrize("named", ["session_id", "ticket_id"])
def test_a_save_does_not_overtake_a_command_that_names_its_walk_either_way(world, named):
    session = standard_walk(world)
    closing = delivers(
        world, "session.resolve", **{named: {"session_id": session, "ticket_id": "100"}[named]}
    )
    delivers_save(world, session, "after", 1)
    world.interpret(closing)
    assert draft(world, session, "revision") == 0
    world.apply()
    assert kept(world) == [("refused", "closed", None, "after")]


@pytest.mark.parametrize("named", ["session_id", "ticket_id"])
@pytest.mark.parametrize("way", ["by hand", "by webhook"])
def test_a_save_does_not_overtake_a_command_that_waits_in_its_lane(world, named, way):
    session = standard_walk(world)
    world.interpret(
        delivers(world, "session.resolve", **{named: {"session_id": session, "ticket_id": "100"}[named]})
    )
    if way == "by hand":
        assert save(world, session, "after", 1)["code"] == "closed"
    else:
        world.interpret(delivers_save(world, session, "after", 1))
        world.apply()
    assert world.walk(session, "status, walk_notes") == ("resolved", [])
    assert kept(world) == [("refused", "closed", None, "after")]


def test_a_save_without_a_revision_is_not_overtaken_by_one_that_has_one(world):
    session = standard_walk(world)
    first = delivers(world, "notes.save", session_id=session, notes=notes("no number"))
    delivers_save(world, session, "numbered", 5)
    world.interpret(first)
    world.apply()
    assert draft(world, session) == (notes("numbered"), 5, 0)


def test_saves_of_other_walks_in_the_batch_wait_for_nothing(world):
    one, two = standard_walk(world, "1"), standard_walk(world, "2")
    first = delivers(world, "session.resolve", session_id=one)
    delivers_save(world, two, "two", 1)
    world.interpret(first)
    assert draft(world, two) == (notes("two"), 1, 0)


def test_a_save_that_can_only_be_refused_makes_no_commands_of_those_after_it(world):
    session = standard_walk(world)
    save(world, session, "newest", 8)
    world.interpret(delivers_save(world, session, "stale", 7))
    assert world.one("SELECT count(*) FROM command WHERE state = 'pending'") == 1
    assert "command_id" not in save(world, session, "next", 9)
    world.apply()
    assert draft(world, session) == (notes("next"), 9, 0)
    assert kept(world) == [("refused", "stale", 9, "stale")]


def test_a_pending_save_that_may_still_be_applied_is_not_overtaken(world):
    session = standard_walk(world)
    step = partial(delivers, world, "session.escalate", session_id=session, escalation_reason="x")
    first = step()
    delivers_save(world, session, "in the lane", 5)
    world.interpret(first)
    world.rows("UPDATE command SET state = 'refused' WHERE type = 'session.escalate'")
    result = save(world, session, "newer", 6)
    assert result["outcome"] == "applied"
    assert [state for state, *_ in kept(world)] == ["applied", "applied"]
    assert draft(world, session) == (notes("newer"), 6, 0)
