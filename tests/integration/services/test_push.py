"""Telling the PSA, exactly once."""

from datetime import timedelta
from functools import partial

import pytest

from integrations.errors import AmbiguousError, ThrottledError, UnreachableError

pytestmark = pytest.mark.integration

LOST = AmbiguousError("the answer was lost")


@pytest.fixture
def closed(world):
    """A resolved walk with its summary and a status to push. The ids of both entries."""
    world.psa.has_ticket("100")
    world.rules({"on_resolve": {"status": "Resolved"}})
    world.do("session.resolve", session=world.started(), resolution_notes="rebooted")
    return world.rows("SELECT id FROM outbox ORDER BY id")


def entry(world, outbox_id, columns="state, reason, attempts"):
    query = f"SELECT {columns} FROM outbox WHERE id = :id"  # noqa: S608 - the tests' own literals
    return world.one(query, id=outbox_id)


def make_due(world):
    world.rows("UPDATE outbox SET next_attempt_at = now() - interval '1 second' WHERE state <> 'sent'")
    world.rows("UPDATE connection_state SET paused_until = now() - interval '1 second'")


def test_a_summary_is_sent_once_and_then_its_status(world, closed):
    note, status = closed
    world.published.clear()
    done = world.push(note)
    assert (done.state, done.external_id) == ("sent", "1")
    assert entry(world, note, "state, external_id, attempts, sent_at IS NOT NULL") == ("sent", "1", 1, True)
    assert [hint.arguments["outbox_id"] for hint in world.published] == [status]
    assert world.push(status).state == "sent"
    assert world.psa.tickets["100"].status == "Resolved"
    for each in closed:
        assert world.push(each).state == "sent"
    assert (world.psa.count("send_note"), world.psa.count("set_status")) == (1, 1)
    assert "rebooted" in world.psa.typed["100"][0].text


def test_the_second_entry_of_a_ticket_waits_for_the_first(world, closed):
    note, status = closed
    assert world.push(status).state == "pending"
    assert world.psa.calls == []
    world.psa.next_calls("send_note", UnreachableError("no route"))
    world.push(note)
    assert world.push(status).state == "pending"
    assert world.psa.count("set_status") == 0


def test_a_psa_that_is_away_is_tried_again_for_about_a_day(world, closed):
    note = closed[0]
    for attempt in range(1, 12):
        world.psa.next_calls("send_note", UnreachableError("no route"))
        world.push(note)
        assert entry(world, note) == ("pending", "no route", attempt)
        assert world.push(note).state == "pending", "it is not due yet"
        make_due(world)
    world.rows("UPDATE outbox SET attempts = 149")
    world.psa.next_calls("send_note", UnreachableError("no route"))
    assert world.push(note).state == "parked"
    assert entry(world, note, "now() - parked_at < interval '1 minute'")


def test_being_told_to_wait_spends_no_attempt(world, closed):
    note = closed[0]
    for _ in range(10):
        world.psa.next_calls("send_note", ThrottledError("slow down", retry_after=timedelta(minutes=3)))
        world.push(note)
        assert entry(world, note) == ("pending", "slow down", 0)
        assert 170 < entry(world, note, "extract(epoch FROM next_attempt_at - now())::int") <= 180
        make_due(world)
    assert world.push(note).state == "sent"


def test_a_note_whose_answer_was_lost_is_found_again_and_not_sent_twice(world, closed, lost_answer):
    note = closed[0]
    world.psa.next_calls("send_note", lost_answer(LOST))
    assert world.push(note).state == "unknown"
    assert world.push(note).state == "unknown", "it waits before it looks"
    assert world.psa.count("find_note") == 0
    make_due(world)
    done = world.push(note)
    assert (done.state, done.external_id) == ("sent", "1")
    assert (world.psa.count("send_note"), world.psa.count("find_note")) == (1, 1)


def test_a_note_that_is_not_found_twice_is_sent_again_once_with_the_same_bytes(world, closed):
    note = closed[0]
    world.psa.next_calls("send_note", LOST)
    world.push(note)
    for probes in (1, 2):
        make_due(world)
        world.push(note)
        assert world.psa.count("send_note") == 1
        assert world.psa.count("find_note") == probes
    assert world.push(note).state == "sent"
    assert world.psa.count("send_note") == 2
    assert world.psa.count("prepare_note") == 1, "made once, before the first attempt"
    assert world.psa.bodies[0] == bytes(entry(world, note, "request_body"))


def test_a_write_that_always_ends_unknown_and_is_never_found_is_parked_in_the_end(world, closed):
    note = closed[0]
    for _ in range(8):
        world.psa.next_calls("send_note", LOST)
        for _ in range(3):
            make_due(world)
            world.push(note)
    assert entry(world, note) == ("parked", "the answer was lost", 8)
    assert world.psa.count("send_note") == 8


@pytest.mark.parametrize(
    "error",
    [
        UnreachableError("no route"),
        ThrottledError("slow down", retry_after=timedelta(seconds=5)),
    ],
)
def test_a_look_that_fails_says_nothing_about_the_write(world, closed, error):
    note = closed[0]
    world.psa.next_calls("send_note", LOST)
    world.psa.next_calls("find_note", error, error, error)
    world.push(note)
    for _ in range(3):
        make_due(world)
        assert world.push(note).state == "unknown"
    assert entry(world, note, "probes, attempts, reason") == (0, 1, str(error))
    assert world.psa.count("send_note") == 1


def test_a_worker_that_died_while_sending_leaves_its_note_to_be_looked_for(world, closed):
    note = closed[0]

    def die() -> None:
        raise SystemExit

    world.psa.next_calls("send_note", die)
    with pytest.raises(SystemExit):
        world.push(note)
    assert entry(world, note, "state, request_body IS NOT NULL, attempts") == ("sending", True, 1)
    assert world.push(note).state == "sending", "its lease has not run out"
    make_due(world)
    assert world.push(note).state == "unknown"
    assert (world.psa.count("find_note"), len(world.psa.sent)) == (1, 0)
    make_due(world)
    world.push(note)
    assert world.push(note).state == "sent"
    assert len(world.psa.sent) == 1


def test_two_notes_with_one_marker_are_shown_and_no_third_is_sent(world, closed, lost_answer, capsys):
    note = closed[0]
    world.psa.next_calls("send_note", lost_answer(LOST))
    world.push(note)
    world.psa.type_note("100", world.psa.typed["100"][0].text)
    make_due(world)
    assert world.push(note).external_id == "1"
    assert "summary stands twice" in capsys.readouterr().out


def test_workers_that_push_one_entry_at_the_same_time_post_it_once(world, closed):
    world.at_once(*[partial(world.push, closed[0])] * 8)
    assert (world.psa.count("send_note"), len(world.psa.sent)) == (1, 1)


def test_a_worker_whose_lease_ran_out_does_not_overrule_the_one_that_took_over(world, closed):
    note = closed[0]

    def taken_over() -> None:
        world.rows("UPDATE outbox SET state = 'unknown', next_attempt_at = now() + interval '2 minutes'")

    world.psa.next_calls("send_note", taken_over)
    assert world.push(note).state == "unknown"
    make_due(world)
    assert world.push(note).state == "sent", "the other one finds the note that was sent after all"
    assert len(world.psa.sent) == 1


def test_parts_are_sent_in_their_order(world):
    world.provider.note_limit = 200
    session = world.started()
    world.do("notes.save", session=session, notes=[{"text": f"{n} " + "x" * 90} for n in range(5)])
    world.do("session.resolve", session=session)
    ids = world.rows("SELECT id FROM outbox ORDER BY id")
    assert len(ids) > 2
    for outbox_id in reversed(ids):
        world.push(outbox_id)
    for outbox_id in ids:
        world.push(outbox_id)
    assert [text.split("/")[0] for text in (note.text for note in world.psa.sent)] == [
        f"({part}" for part in range(1, len(ids) + 1)
    ]
    assert len({note.entry_id for note in world.psa.sent}) == len(ids)


def test_a_receiver_that_drops_repeats_gets_the_same_entry_again_where_the_answer_was_lost(
    world, lost_answer
):
    psa = world.context.providers["standard"].psa
    world.do("session.resolve", session=world.started(connection=world.home_tenant.standard))
    note = world.one("SELECT id FROM outbox")
    psa.next_calls("send_note", lost_answer(LOST))
    assert world.push(note).state == "pending"
    make_due(world)
    assert world.push(note).state == "sent"
    assert len({push.entry_id for push in psa.sent}) == 1
    assert psa.count("find_note") == 0


def test_a_status_that_was_not_taken_is_set_again(world, closed):
    note, status = closed
    world.push(note)
    world.psa.next_calls("set_status", UnreachableError("not taken yet"))
    assert world.push(status).state == "pending"
    make_due(world)
    assert world.push(status).state == "sent"


def test_an_unknown_entry_is_refused(world):
    with pytest.raises(world.refusal, match="there is no outbox entry 999999999"):
        world.push(999_999_999)
