"""The walk's time as a time entry, exactly once, beside the summary."""

from datetime import timedelta
from typing import Any

import pytest

from integrations.errors import AmbiguousError, RejectedError, ThrottledError, UnreachableError

pytestmark = pytest.mark.integration

LOST = AmbiguousError("the answer was lost")


def close(world, *, user: str = "tech", how: str = "resolve", **rules: Any) -> list[tuple[str, int]]:
    """Close a walk of half an hour. Return kind and id of what the PSA is to be told."""
    world.psa.has_ticket("100")
    world.rules(rules or {"on_resolve": {"status": "Resolved", "time": True}})
    session = world.started(user=user)
    world.rows("UPDATE l1_walk_session SET started_at = now() - interval '30 minutes'")
    reasons = {"escalate": {"escalation_reason": "over my head"}, "abandon": {"reason": "left"}}
    world.do(f"session.{how}", session=session, **reasons.get(how, {}))
    told: list[tuple[str, int]] = world.rows("SELECT kind, id FROM outbox ORDER BY id")
    return told


def entry(world, outbox_id: int, columns: str = "state, attempts, reason") -> Any:
    return world.one(f"SELECT {columns} FROM outbox WHERE id = :id", id=outbox_id)  # noqa: S608 - literals


def make_due(world) -> None:
    world.rows("UPDATE outbox SET next_attempt_at = now() WHERE state NOT IN ('sent', 'parked')")
    world.rows("UPDATE connection_state SET paused_until = now()")


@pytest.fixture
def time(world) -> int:
    """A time entry whose turn it is: the summary is sent."""
    (_, note), (_, time_id), _ = close(world)
    world.push(note)
    return time_id


def test_summary_time_and_status_are_told_in_this_order(world):
    told = close(world)
    assert [kind for kind, _ in told] == ["note", "time", "status"]
    for _, outbox_id in reversed(told):
        world.push(outbox_id)
    for _, outbox_id in told:
        assert world.push(outbox_id).state == "sent"
    assert [call[0] for call in world.psa.calls] == [
        "prepare_note",
        "send_note",
        "prepare_time",
        "send_time",
        "set_status",
    ]


def test_the_entry_has_the_member_and_the_measured_time_and_ends_with_its_marker(world, time):
    assert world.push(time).state == "sent"
    (pushed,) = world.psa.times.values()
    assert (pushed.ticket_id, pushed.member) == ("100", "jdoe")
    assert timedelta(minutes=30) <= pushed.ended_at - pushed.started_at < timedelta(minutes=31)
    assert pushed.text.endswith(entry(world, time, "marker"))
    assert entry(world, time, "state, attempts, external_id") == ("sent", 1, "1")
    assert world.psa.bodies[-1] == bytes(entry(world, time, "request_body"))


def test_who_is_no_member_in_the_psa_and_whose_rules_say_nothing_of_time_has_none(world):
    assert [kind for kind, _ in close(world, user="cover")] == ["note", "status"]


@pytest.mark.parametrize(
    ("rules", "how", "kinds"),
    [
        ({"on_resolve": {"status": "Resolved"}}, "resolve", ["note", "status"]),
        ({"on_resolve": {"time": True}}, "resolve", ["note", "time"]),
        ({"on_escalate": {"time": True}}, "escalate", ["note", "time"]),
        ({"on_resolve": {"time": True}}, "escalate", ["note"]),
        ({"on_resolve": {"time": True}}, "abandon", ["note"]),
    ],
)
def test_time_is_told_of_the_outcomes_whose_rules_say_so(world, rules, how, kinds):
    assert [kind for kind, _ in close(world, how=how, **rules)] == kinds


@pytest.mark.parametrize("note", ["resolution", "internal", "customer"])
def test_the_rules_say_where_the_summary_of_a_resolved_walk_stands(world, note):
    close(world, on_resolve={"note": note})
    assert world.rows("SELECT purpose FROM outbox") == [note]


def test_preparing_asks_the_psa_in_no_transaction_and_before_anything_is_promised(world, time):
    def look() -> None:
        assert entry(world, time, "state, sending_at, request_body") == ("pending", None, None)
        idle = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
        assert world.one(idle) == 0

    world.psa.next_calls("prepare_time", look)
    assert world.push(time).state == "sent"


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (UnreachableError("no route"), ("pending", 1, "no route")),
        (ThrottledError("slow down", retry_after=timedelta(seconds=9)), ("pending", 0, "slow down")),
        (AmbiguousError("HTTP 502"), ("pending", 1, "HTTP 502")),
        (RejectedError("no such member"), ("parked", 1, "no such member")),
    ],
)
def test_preparing_that_fails_leaves_nothing_unknown(world, time, error, left):
    world.psa.next_calls("prepare_time", error)
    world.push(time)
    assert entry(world, time) == left
    assert entry(world, time, "sending_at") is None
    assert world.psa.count("send_time") == 0


def test_a_worker_that_died_while_preparing_leaves_the_entry_to_the_next(world, time):
    def die() -> None:
        raise SystemExit

    world.psa.next_calls("prepare_time", die)
    with pytest.raises(SystemExit):
        world.push(time)
    assert world.push(time).state == "pending", "its lease has not run out"
    make_due(world)
    assert world.push(time).state == "sent"
    assert world.psa.count("find_time") == 0


def test_an_entry_whose_answer_was_lost_is_found_again_and_not_sent_twice(world, time, lost_answer):
    world.psa.next_calls("send_time", lost_answer(LOST))
    assert world.push(time).state == "unknown"
    make_due(world)
    assert world.push(time).state == "sent"
    assert (world.psa.count("send_time"), world.psa.count("find_time")) == (1, 1)


def test_an_entry_that_is_not_found_twice_is_sent_again_with_the_same_bytes(world, time):
    world.psa.next_calls("send_time", LOST)
    world.push(time)
    for _ in range(2):
        make_due(world)
        world.push(time)
    assert world.push(time).state == "sent"
    assert (world.psa.count("send_time"), world.psa.count("prepare_time")) == (2, 1)


def test_a_time_entry_that_the_psa_refuses_holds_nothing_else_back(world):
    (_, note), (_, time), (_, status) = close(world)
    world.push(note)
    world.psa.next_calls("prepare_time", RejectedError("the time period is closed"))
    assert world.push(time).state == "parked"
    assert world.push(status).state == "sent"


def test_a_summary_that_the_psa_refuses_holds_time_and_status_back(world):
    (_, note), (_, time), (_, status) = close(world)
    world.psa.next_calls("send_note", RejectedError("no right"))
    assert world.push(note).state == "parked"
    assert (world.push(time).state, world.push(status).state) == ("pending", "pending")
    assert world.psa.count("prepare_time") == 0
