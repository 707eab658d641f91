"""Commands: their keys, their order, and what becomes of one that fails."""

from typing import Any

import pytest
from sqlalchemy import text

from tests.integration.services.commands import breaks, file_only
from worker.domain.lane import MAX_LOST
from worker.domain.words import CommandType
from worker.errors import TransientError
from worker.services import settling
from worker.services.lanes import drain, take_turn
from worker.services.walks.scene import Effect, Scene

pytestmark = pytest.mark.integration

STEP: dict[str, Any] = {"node_id": "link", "answer": "yes"}


def states(world):
    return world.rows("SELECT state FROM command ORDER BY position")


def make_due(world):
    world.rows("UPDATE command SET next_attempt_at = now() WHERE state = 'pending'")


def test_the_same_key_twice_has_one_effect(world):
    session = world.started("flow")
    first = world.do("step.record", key="k", session=session, **STEP)
    second = world.do("step.record", key="k", session=session, **STEP)
    assert (first["outcome"], second["outcome"]) == ("applied", "duplicate")
    assert second["command_id"] == first["command_id"]
    assert world.one("SELECT count(*) FROM walk_step") == 1


def test_a_repeated_key_of_a_refused_command_is_refused_again(world):
    session = world.started()
    for _ in range(2):
        assert world.do("step.record", key="k", session=session, **STEP)["outcome"] == "refused"
    assert world.one("SELECT count(*) FROM command WHERE state = 'refused'") == 1


def test_a_key_used_for_another_command_or_another_ticket_is_refused(world):
    session = world.started("flow")
    world.do("step.record", key="k", session=session, **STEP)
    for other in (
        lambda: world.do("step.withdraw", key="k", session=session),
        lambda: world.do("step.record", key="k", session=world.started("flow", ticket="101"), **STEP),
    ):
        with pytest.raises(world.refusal) as refused:
            other()
        assert refused.value.code == "key_taken"
    assert world.one("SELECT count(*) FROM walk_step") == 1


def test_two_accounts_may_use_the_same_key(world):
    world.start(key="k")
    rival = world.tenant("Rival")
    result = world.do(
        "session.start_adhoc", key="k", connection=rival.psa, ticket="1", user="tech@rival.example"
    )
    assert result["outcome"] == "applied"


@pytest.mark.parametrize("key", ["x" * 201, 7, "a\x00b", "\ud800"])
def test_a_key_that_cannot_be_kept_is_refused(world, key):
    with pytest.raises(world.refusal, match="key must be a printable text"):
        world.start(key=key)


def test_a_hinted_command_takes_nothing_else(world):
    command_id = world.start()["command_id"]
    account = str(world.home_tenant.account_id)
    again = world.do("session.start_adhoc", command_id=command_id, account_id=account, ticket="100")
    assert again["outcome"] == "applied"
    with pytest.raises(world.refusal, match="takes nothing else"):
        world.do("session.start_adhoc", command_id=command_id, user="x")
    with pytest.raises(world.refusal, match="there is no command"):
        world.do("session.start_adhoc", command_id=command_id + 999)


def test_commands_apply_in_the_order_of_their_places(world):
    session = world.started("flow")
    file_only(world, "step.record", session=session, **STEP)
    file_only(world, "step.withdraw", session=session)
    file_only(world, "step.record", session=session, node_id="link", answer="no")
    file_only(world, "session.resolve", session=session)
    file_only(world, "step.record", session=session, **STEP)
    drain(world.context, world.lane())
    assert states(world) == ["applied"] * 5 + ["refused"]
    assert world.rows("SELECT answer, withdrawn_at IS NULL FROM walk_step ORDER BY position") == [
        ("yes", False),
        ("no", True),
    ]


def test_a_refused_command_does_not_hold_its_ticket(world):
    session = world.started("flow")
    file_only(world, "step.record", session=session, node_id="door", answer="yes")
    file_only(world, "step.record", session=session, **STEP)
    drain(world.context, world.lane())
    assert states(world) == ["applied", "refused", "applied"]


def test_a_turn_is_bounded_and_hints_for_the_rest(world):
    session = world.started("flow")
    for _ in range(60):
        file_only(world, "step.record", session=session, **STEP)
    world.published.clear()
    turn = take_turn(world.context, world.lane())
    assert (turn.settled, turn.more) == (50, True)
    assert drain(world.context, world.lane()).settled == 10
    assert not world.published
    file_only(world, "step.record", session=session, **STEP)


def test_a_busy_ticket_hands_itself_on(world):
    session = world.started("flow")
    for _ in range(60):
        file_only(world, "step.record", session=session, **STEP)
    world.published.clear()
    drain(world.context, world.lane())
    (hint,) = world.published
    first_open = world.one("SELECT min(id) FROM command WHERE state = 'pending'")
    assert (hint.task, hint.arguments["command_id"]) == ("step.record", first_open)


def test_a_command_that_fails_is_held_then_tried_again_and_applied(world, monkeypatch):
    session = world.started("flow")
    world.do("step.record", session=session, **STEP)
    breaks(world, monkeypatch, times=1)
    result = world.do("step.withdraw", session=session)
    assert (result["outcome"], result["reason"]) == ("waiting", "unexpected ZeroDivisionError")
    assert "secret" not in str(world.rows("SELECT reason FROM command"))
    file_only(world, "step.record", session=session, **STEP)
    drain(world.context, world.lane())
    assert states(world)[-1] == "pending", "held behind the one that failed"
    make_due(world)
    drain(world.context, world.lane())
    world.until(lambda: drain(world.context, world.lane()).settled == 0)
    assert states(world) == ["applied"] * 4
    assert world.rows("SELECT position, withdrawn_at IS NULL FROM walk_step ORDER BY 1") == [
        (1, False),
        (2, True),
    ]


def test_a_command_that_always_fails_is_parked_and_its_ticket_goes_on(world, monkeypatch):
    session = world.started("flow")
    breaks(world, monkeypatch, times=99)
    file_only(world, "step.withdraw", session=session)
    file_only(world, "step.record", session=session, **STEP)
    for attempts in (1, 2, 3, 4):
        drain(world.context, world.lane())
        assert states(world) == ["applied", "pending", "pending"]
        assert world.rows("SELECT attempts FROM command WHERE type = 'step.withdraw'") == [attempts]
        assert world.one("SELECT count(*) FROM walk_step") == 0
        make_due(world)
    drain(world.context, world.lane())
    drain(world.context, world.lane())
    assert states(world) == ["applied", "parked", "applied"]
    assert world.one("SELECT reason FROM command WHERE state = 'parked'") == "unexpected ZeroDivisionError"


def test_workers_that_died_count_as_no_failure_of_a_command(world, monkeypatch):
    session = world.started("flow")
    file_only(world, "step.withdraw", session=session)
    world.rows("UPDATE command SET attempts = 11 WHERE state = 'pending'")
    breaks(world, monkeypatch, times=4)
    for failures in (1, 2, 3, 4):
        drain(world.context, world.lane())
        counted = "SELECT state, failures FROM command ORDER BY position"
        assert world.rows(counted)[1:] == [("pending", failures)]
        make_due(world)
    world.do("step.record", session=session, **STEP)
    assert states(world)[1] == "refused", "its turn came: there was no step to take back"


def test_trouble_of_the_database_spends_no_attempt(world, monkeypatch):
    session = world.started("flow")
    file_only(world, "step.record", session=session, **STEP)
    effect = settling._EFFECTS[CommandType.RECORD_STEP]

    def cut_off(scene: Scene, *arguments: Any) -> Effect:
        done = effect(scene, *arguments)
        pid = scene.tx.session.scalar(text("SELECT pg_backend_pid()"))
        world.rows("SELECT pg_terminate_backend(:pid)", pid=pid)
        return done

    with monkeypatch.context() as broken:
        broken.setattr(settling, "_EFFECTS", {**settling._EFFECTS, CommandType.RECORD_STEP: cut_off})
        for _ in range(MAX_LOST + 1):
            with pytest.raises(TransientError):
                drain(world.context, world.lane())
    assert world.rows("SELECT attempts, state FROM command WHERE type = 'step.record'") == [(0, "pending")]
    drain(world.context, world.lane())
    assert states(world) == ["applied", "applied"]
    assert world.walk(session, "step_count") == 1


def test_a_command_that_fails_leaves_other_tickets_alone(world, monkeypatch):
    breaks(world, monkeypatch, times=99)
    world.do("step.withdraw", session=world.started("flow"))
    other = world.started("flow", ticket="101")
    assert world.do("step.record", session=other, **STEP)["outcome"] == "applied"


def test_what_a_failed_turn_had_done_is_undone(world, monkeypatch):
    session = world.started("flow")
    file_only(world, "step.record", session=session, **STEP)
    file_only(world, "session.resolve", session=session)
    breaks(world, monkeypatch, times=99, command_type=CommandType.RESOLVE)
    world.published.clear()
    drain(world.context, world.lane())
    world.until(lambda: drain(world.context, world.lane()).settled == 0)
    assert world.walk(session, "status, step_count") == ("active", 1)
    assert world.walk_tables() == {
        "l1_walk_session": 1,
        "walk_step": 1,
        "note_draft": 1,
        "audit_log": 0,
        "outbox": 0,
    }
    assert "psa.push" not in {hint.task for hint in world.published}


def test_a_command_that_kills_its_worker_is_parked_after_twelve_claims(world):
    session = world.started("flow")
    file_only(world, "step.record", session=session, **STEP)
    file_only(world, "step.record", session=session, **STEP)
    world.rows(
        "UPDATE command SET attempts = 12 WHERE id = (SELECT min(id) FROM command WHERE state = 'pending')"
    )
    drain(world.context, world.lane())
    assert states(world) == ["applied", "parked", "applied"]
    assert "its worker died" in world.one("SELECT reason FROM command WHERE state = 'parked'")


def test_commands_whose_worker_died_come_through_in_turns_and_not_one_by_one(world):
    session = world.started("flow")
    for _ in range(20):
        file_only(world, "step.record", session=session, **STEP)
    world.rows("UPDATE command SET attempts = 1 WHERE state = 'pending'")
    assert [take_turn(world.context, world.lane()).settled for _ in range(3)] == [10, 10, 0]


def test_what_failed_together_is_applied_one_by_one_up_to_the_one_at_fault(world, monkeypatch):
    session = world.started("flow")
    for command in ("record", "record", "withdraw", "record"):
        file_only(world, f"step.{command}", session=session, **(STEP if command == "record" else {}))
    breaks(world, monkeypatch, times=99)
    assert take_turn(world.context, world.lane()).settled == 2
    assert world.rows("SELECT state, attempts FROM command ORDER BY position")[1:] == [
        ("applied", 1),
        ("applied", 1),
        ("pending", 1),
        ("pending", 0),
    ]


def test_a_command_in_its_last_attempt_is_not_parked_under_its_worker(world):
    session = world.started("flow")
    file_only(world, "step.record", session=session, **STEP)
    world.rows(
        "UPDATE command SET attempts = 12, next_attempt_at = now() + interval '3 s' WHERE state = 'pending'"
    )
    drain(world.context, world.lane())
    assert states(world) == ["applied", "pending"]


def test_a_claimed_command_is_left_to_its_worker_for_a_moment(world):
    session = world.started("flow")
    file_only(world, "step.record", session=session, **STEP)
    world.rows(
        "UPDATE command SET attempts = 1, next_attempt_at = now() + interval '3 s' WHERE state = 'pending'"
    )
    assert drain(world.context, world.lane()).settled == 0
    make_due(world)
    assert drain(world.context, world.lane()).settled == 1
