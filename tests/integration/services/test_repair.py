"""What an operator puts back: replayed, retried, discarded; recorded, and safe to repeat."""

from uuid import uuid4

from integrations.errors import AmbiguousError, RejectedError
from tests.integration.noting import delivers
from worker.services import repair


def refused_command(world):
    """A step on a walk that does not exist yet: refused, and kept."""
    result = world.do(
        "step.record", connection=world.home_tenant.psa, ticket="100", node_id="link", answer="yes"
    )
    assert result["outcome"] == "refused"
    return result["command_id"]


def parked_entry(world):
    session_id = world.started()
    world.psa.next_calls("send_note", RejectedError("no such ticket"))
    world.do("session.resolve", session=session_id)
    outbox_id = world.one("SELECT id FROM outbox WHERE kind = 'note'")
    world.push(outbox_id)
    assert world.one("SELECT state FROM outbox WHERE id = :id", id=outbox_id) == "parked"
    return outbox_id


def test_a_refused_command_is_applied_when_it_is_replayed_after_its_cause_is_gone(world):
    command_id = refused_command(world)
    session_id = world.started("flow")
    [done] = repair.replay_commands(world.context, [command_id], operator="ops")
    assert (done.done, done.state) == (True, "pending")
    world.apply()
    assert world.one("SELECT state FROM command WHERE id = :id", id=command_id) == "applied"
    assert world.walk(session_id, "step_count") == 1


def test_a_second_replay_finds_nothing_to_do(world):
    command_id = refused_command(world)
    world.started("flow")
    repair.replay_commands(world.context, [command_id], operator="ops")
    world.apply()
    [again] = repair.replay_commands(world.context, [command_id], operator="ops")
    assert (again.done, again.state) == (False, "applied")
    assert world.one("SELECT count(*) FROM walk_step") == 1


def test_who_repaired_what_is_recorded_once(world):
    command_id = refused_command(world)
    repair.replay_commands(world.context, [command_id, command_id], operator="ops")
    rows = world.rows("SELECT operator, action, detail ->> 'from' FROM audit_log")
    assert rows == [("ops", "command.replayed", "refused")]


def test_an_interpreted_delivery_is_not_replayed_and_an_ignored_one_is(world):
    world.psa.has_ticket("100")
    ignored = world.ticket_changed()
    world.interpret(ignored)
    assert world.one("SELECT state FROM delivery WHERE id = :id", id=ignored) == "ignored"
    world.rules({"rules": [{"start": "adhoc"}]})
    [done] = repair.replay_deliveries(world.context, [ignored], operator="ops")
    world.interpret(ignored)
    assert done.done
    assert world.one("SELECT state FROM delivery WHERE id = :id", id=ignored) == "interpreted"
    [again] = repair.replay_deliveries(world.context, [ignored], operator="ops")
    assert not again.done
    assert world.one("SELECT count(*) FROM command") == 1


def test_a_replayed_delivery_that_carries_its_command_waits_behind_no_call_to_a_psa(world):
    refused = delivers(world, "step.record", session_id=str(uuid4()), node_id="link", answer="yes")
    world.interpret(refused)
    assert world.one("SELECT state FROM delivery WHERE id = :id", id=refused) == "refused"
    repair.replay_deliveries(world.context, [refused], operator="ops")
    assert (world.published[-1].task, world.published[-1].queue) == ("delivery.interpret", "commands")


def test_a_parked_entry_is_sent_when_it_is_retried(world):
    outbox_id = parked_entry(world)
    [done] = repair.retry_entries(world.context, [outbox_id], operator="ops")
    assert done.state == "pending"
    world.push(outbox_id)
    assert world.one("SELECT state FROM outbox WHERE id = :id", id=outbox_id) == "sent"
    assert len(world.psa.sent) == 1


def test_a_discarded_entry_is_never_sent_and_keeps_its_reason(world):
    outbox_id = parked_entry(world)
    [done] = repair.discard_entries(world.context, [outbox_id], operator="ops")
    assert done.state == "discarded"
    world.push(outbox_id)
    assert world.psa.sent == []
    reason = world.one("SELECT reason FROM outbox WHERE id = :id", id=outbox_id)
    assert reason == "discarded by ops; before: no such ticket"


def test_an_entry_that_may_have_been_sent_is_searched_for_before_a_retry_sends_it(world, lost_answer):
    session_id = world.started()
    world.psa.next_calls("send_note", lost_answer(AmbiguousError("no answer")))
    world.do("session.resolve", session=session_id)
    outbox_id = world.one("SELECT id FROM outbox WHERE kind = 'note'")
    world.push(outbox_id)
    world.psa.next_calls("find_note", RejectedError("may not read notes"))
    world.rows("UPDATE outbox SET next_attempt_at = now()")
    world.push(outbox_id)
    state, reason = world.one("SELECT state, reason FROM outbox WHERE id = :id", id=outbox_id)
    assert state == "parked"
    assert "it is unknown whether it was sent" in reason
    repair.retry_entries(world.context, [outbox_id], operator="ops")
    world.push(outbox_id)
    assert world.one("SELECT state FROM outbox WHERE id = :id", id=outbox_id) == "sent"
    assert world.psa.count("send_note") == 1


def test_a_note_written_by_a_worker_that_died_is_found_however_often_it_failed_before(world, lost_answer):
    session_id = world.started()
    world.do("session.resolve", session=session_id)
    outbox_id = world.one("SELECT id FROM outbox WHERE kind = 'note'")
    world.rows("UPDATE outbox SET attempts = 30")

    def die() -> None:
        raise SystemExit

    world.psa.next_calls("send_note", lost_answer(AmbiguousError("written, and then the worker died")))
    world.push(outbox_id)
    world.rows("UPDATE outbox SET state = 'sending', lost_answers = 8, probes = 0, next_attempt_at = now()")
    assert world.push(outbox_id).state == "sent"
    assert world.psa.count("send_note") == 1


def test_a_status_whose_worker_dies_every_time_is_parked(world):
    world.psa.has_ticket("100")
    world.rules({"on_resolve": {"status": "Done"}})
    session_id = world.started()
    world.do("session.resolve", session=session_id)
    note, status = world.rows("SELECT id FROM outbox ORDER BY id")
    world.push(note)
    world.rows(
        "UPDATE outbox SET state = 'sending', lost_answers = 7, next_attempt_at = now() WHERE id = :id",
        id=status,
    )
    assert world.push(status).state == "parked"
    assert world.psa.count("set_status") == 0


def test_a_discard_is_not_undone_by_a_call_that_was_under_way(world):
    session_id = world.started()
    world.do("session.resolve", session=session_id)
    outbox_id = world.one("SELECT id FROM outbox WHERE kind = 'note'")
    world.psa.next_calls("send_note", AmbiguousError("no answer"))
    world.push(outbox_id)
    world.rows("UPDATE outbox SET next_attempt_at = now()")
    world.psa.next_calls(
        "find_note", lambda: repair.discard_entries(world.context, [outbox_id], operator="ops")
    )
    world.push(outbox_id)
    assert world.one("SELECT state FROM outbox WHERE id = :id", id=outbox_id) == "discarded"


def test_an_entry_that_is_being_searched_for_is_left_to_that(world):
    session_id = world.started()
    world.do("session.resolve", session=session_id)
    outbox_id = world.one("SELECT id FROM outbox WHERE kind = 'note'")
    world.psa.next_calls("send_note", AmbiguousError("no answer"))
    world.push(outbox_id)
    [done] = repair.retry_entries(world.context, [outbox_id], operator="ops")
    assert (done.done, done.state) == (False, "unknown")


def test_a_parked_summary_holds_the_status_of_its_walk(world):
    world.psa.has_ticket("100")
    world.rules({"on_resolve": {"status": "Done"}})
    session_id = world.started()
    world.psa.next_calls("send_note", RejectedError("not welcome"))
    world.do("session.resolve", session=session_id)
    note, status = world.rows("SELECT id FROM outbox ORDER BY id")
    world.push(note)
    assert world.push(status).state == "pending"
    repair.discard_entries(world.context, [note], operator="ops")
    assert world.push(status).state == "sent"


def test_a_row_that_is_not_there_is_said_so(world):
    assert repair.replay_commands(world.context, [999_999_999], operator="ops")[0].state == "unknown"
