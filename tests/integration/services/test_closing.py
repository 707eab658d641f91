"""Ending a walk: its outcome, its audit row, and what the PSA is to be told."""

import pytest

from worker.services.idle import abandon_idle

pytestmark = pytest.mark.integration


def outbox(world, columns):
    return world.rows(f"SELECT {columns} FROM outbox ORDER BY id")  # noqa: S608 - the tests' own literals


def test_resolving_closes_the_walk_with_its_outcome(world):
    session = world.started()
    result = world.do("session.resolve", session=session, helpful=False, resolution_notes="rebooted")
    assert (result["outcome"], result["status"]) == ("applied", "resolved")
    assert world.walk(session, "status, helpful, resolution_notes, resolved_at IS NOT NULL") == (
        *("resolved", False, "rebooted", True),
    )


def test_escalating_closes_the_walk_with_its_reason(world):
    session = world.started()
    world.do("session.escalate", session=session, escalation_reason="dead switch", category="hardware")
    columns = "status, escalation_reason, escalation_category, escalated_at IS NOT NULL"
    assert world.walk(session, columns) == ("escalated", "dead switch", "hardware", True)


@pytest.mark.parametrize("first", ["session.resolve", "session.escalate", "session.abandon"])
@pytest.mark.parametrize("second", ["session.resolve", "session.escalate", "session.abandon"])
def test_closed_is_closed_and_has_one_summary_and_one_audit_row(world, first, second):
    needs = {"session.escalate": {"escalation_reason": "x"}, "session.abandon": {"reason": "x"}}
    session = world.started()
    assert world.do(first, session=session, **needs.get(first, {}))["outcome"] == "applied"
    before = world.walk_tables()
    result = world.do(second, session=session, **needs.get(second, {}))
    assert (result["outcome"], result["code"]) == ("refused", "closed")
    assert world.walk_tables() == before == {**before, "outbox": 1, "audit_log": 1}


@pytest.mark.parametrize(
    ("kind", "command", "arguments", "validated"),
    [
        ("proposal", "session.resolve", {"helpful": True}, True),
        ("proposal", "session.resolve", {"helpful": False}, False),
        ("proposal", "session.resolve", {}, False),
        ("proposal", "session.escalate", {"escalation_reason": "x"}, False),
        ("flow", "session.resolve", {"helpful": True}, False),
    ],
)
def test_only_a_helpful_proposal_walk_validates_its_proposal(world, kind, command, arguments, validated):
    world.do(command, session=world.started(kind), **arguments)
    query = "SELECT validated_by_outcome, validated_at IS NOT NULL FROM flow_proposal"
    assert world.one(query) == (validated, validated)


@pytest.mark.parametrize(
    ("command", "arguments", "internal_status"),
    [
        ("session.resolve", {}, "closed"),
        ("session.escalate", {"escalation_reason": "x"}, "escalated"),
        ("session.abandon", {"reason": "x"}, "open"),
    ],
)
def test_an_internal_ticket_ends_with_its_walk_and_a_psa_ticket_is_left_to_the_psa(
    world, command, arguments, internal_status
):
    for kind in ("internal", "psa"):
        world.do(command, session=world.started(ticket_kind=kind), **arguments)
    assert world.rows("SELECT kind, status FROM ticket ORDER BY kind") == [
        ("internal", internal_status),
        ("psa", "open"),
    ]


def test_a_psa_is_never_told_of_an_internal_ticket_since_its_own_may_bear_the_same_id(world):
    world.do("session.resolve", session=world.started(ticket_kind="internal"))
    assert world.one("SELECT count(*) FROM outbox") == 0


def test_a_standard_connection_is_told_of_an_internal_ticket(world):
    session = world.started(ticket_kind="internal", connection=world.home_tenant.standard)
    world.do("session.resolve", session=session)
    assert world.one("SELECT count(*) FROM outbox") == 1


def test_escalating_without_a_walk_makes_an_adhoc_session_escalated_at_once(world):
    result = world.do(
        "session.escalate_without_walk",
        connection="Acme connectwise",
        ticket="100",
        user="cover@acme.example",
        escalation_reason="not for L1",
    )
    assert (result["outcome"], result["status"]) == ("applied", "escalated")
    assert world.walk(result["session_id"], "kind, status, acting_as, escalation_reason") == (
        *("adhoc", "escalated", "l1_coverage", "not for L1"),
    )
    assert world.rows("SELECT action, acting_as FROM audit_log") == [("session.escalated", "l1_coverage")]
    assert outbox(world, "purpose") == ["handoff"]


@pytest.mark.parametrize(
    ("command", "arguments", "action", "person", "acting_as"),
    [
        ("session.resolve", {"helpful": True}, "session.resolved", "tech", None),
        ("session.resolve", {"user": "cover@acme.example"}, "session.resolved", "cover", "l1_coverage"),
        ("session.escalate", {"escalation_reason": "x"}, "session.escalated", "tech", None),
        ("session.abandon", {"reason": "x"}, "session.abandoned", None, None),
    ],
)
def test_the_audit_has_one_row_per_outcome_with_who_acted_and_in_whose_place(
    world, command, arguments, action, person, acting_as
):
    session = world.started("flow")
    world.do("step.record", session=session, node_id="link", answer="yes")
    world.do("notes.save", session=session, notes=[{"text": "a"}])
    world.do(command, session=session, **arguments)
    actor = world.home_tenant.users[person] if person else None
    assert world.rows("SELECT action, actor_user_id, acting_as FROM audit_log") == [
        (action, actor, acting_as)
    ]


@pytest.mark.parametrize(
    ("command", "arguments", "purpose"),
    [
        ("session.resolve", {"resolution_notes": "rebooted"}, "resolution"),
        ("session.escalate", {"escalation_reason": "dead"}, "handoff"),
        ("session.abandon", {"reason": "the ticket was merged"}, "internal"),
    ],
)
def test_a_closed_walk_puts_exactly_one_summary_in_the_outbox(world, command, arguments, purpose):
    session = world.started("flow")
    world.do(command, session=session, **arguments)
    ((kind, part, found_purpose, state, marker, text, walk),) = outbox(
        world, "kind, part, purpose, state, marker, content->>'text', content->'document'->>'session_id'"
    )
    assert (kind, part, found_purpose, state, walk) == ("note", 1, purpose, "pending", session)
    assert text.splitlines()[0].endswith(marker)
    assert next(iter(arguments.values())) in text
    assert world.published[-1].task == "psa.push"


def test_an_escalated_flow_names_the_question_it_would_have_asked_next(world):
    session = world.started("flow")
    world.do("step.record", session=session, node_id="link", answer="yes")
    world.do("session.escalate", session=session, escalation_reason="x")
    assert "Open question: Does the gateway answer a ping?" in outbox(world, "content->>'text'")[0]


def test_a_summary_leaves_withdrawn_steps_out(world):
    session = world.started("flow")
    world.do("step.record", session=session, node_id="link", answer="yes", note="a slip")
    world.do("step.withdraw", session=session)
    world.do("session.resolve", session=session)
    assert "a slip" not in outbox(world, "content->>'text'")[0]


def test_a_summary_over_the_providers_limit_is_split_into_parts_with_markers_of_their_own(world):
    world.provider.note_limit = 300
    session = world.started()
    lines = [{"text": f"line {number} " + "x" * 60} for number in range(20)]
    world.do("notes.save", session=session, notes=lines)
    world.do("session.resolve", session=session)
    parts = outbox(world, "part, marker, content->>'text'")
    assert len(parts) > 3
    assert [part for part, _, _ in parts] == list(range(1, len(parts) + 1))
    assert len({marker for _, marker, _ in parts}) == len(parts)
    for part, marker, text in parts:
        assert text.startswith(f"({part}/{len(parts)}) {marker}\n")
        assert len(text) <= 300
    whole = "".join(text.split("\n", 1)[1] for _, _, text in parts)
    assert all(line["text"] in whole for line in lines)


@pytest.mark.parametrize(
    ("command", "arguments", "status"),
    [
        ("session.resolve", {}, "Resolved"),
        ("session.escalate", {"escalation_reason": "x"}, "Escalated"),
        ("session.abandon", {"reason": "x"}, None),
    ],
)
def test_the_status_follows_the_summary_where_the_rules_name_one(world, command, arguments, status):
    world.rules({"on_resolve": {"status": "Resolved"}, "on_escalate": {"status": "Escalated"}})
    world.do(command, session=world.started(), **arguments)
    told = [("note", None), *([("status", status)] if status else [])]
    assert outbox(world, "kind, content->>'status'") == told


def idle(world, session, *, started="25 hours", touched=None):
    world.rows(
        "UPDATE l1_walk_session SET started_at = now() - CAST(:started AS interval), "
        "last_step_at = now() - CAST(:touched AS interval) WHERE id = :id",
        started=started,
        touched=touched,
        id=session,
    )


def test_a_walk_that_nobody_touched_for_a_day_is_abandoned_and_its_summary_says_so(world):
    session = world.started()
    idle(world, session)
    assert abandon_idle(world.context) == 1
    assert abandon_idle(world.context) == 0
    world.apply()
    assert world.walk(session, "status, abandoned_at IS NOT NULL") == ("abandoned", True)
    assert "Closed without an outcome: untouched for 24 hours" in outbox(world, "content->>'text'")[0]


@pytest.mark.parametrize(
    ("started", "touched"), [("23 hours 59 minutes", None), ("3 days", "23 hours 59 minutes")]
)
def test_a_walk_that_somebody_touched_today_is_left_alone(world, started, touched):
    idle(world, world.started(), started=started, touched=touched)
    assert abandon_idle(world.context) == 0


def test_a_walk_touched_after_it_was_found_idle_is_left_alone_and_found_again_a_day_later(world):
    session = world.started()
    idle(world, session)
    abandon_idle(world.context)
    world.rows("UPDATE l1_walk_session SET last_step_at = now()")
    world.apply()
    assert world.walk(session, "status") == "active"
    idle(world, session, touched="24 hours 1 second")
    assert abandon_idle(world.context) == 1
    world.apply()
    assert world.walk(session, "status") == "abandoned"
