"""Steps of a walk, and taking them back."""

from uuid import uuid4

import pytest

from worker.services import views

pytestmark = pytest.mark.integration

LINK_YES = {"node_id": "link", "answer": "YES", "note": "amber"}


def shown(world, session):
    with world.context.uow.begin(world.home_tenant.account_id) as tx:
        return views.walk(tx, session)


@pytest.mark.parametrize("kind", ["flow", "proposal"])
def test_a_step_is_appended_as_the_tree_spells_it(world, kind):
    session = world.started(kind)
    result = world.do("step.record", session=session, **LINK_YES)
    assert (result["outcome"], result["step"], result["next_node_id"]) == ("applied", 1, "ping")
    walk = shown(world, session)
    assert walk["walked_path"] == [
        {"node_id": "link", "question": "Is the link light on?", "answer": "yes", "l1_note": "amber"}
    ]
    assert (walk["current_node_id"], walk["last_step_at"] is not None) == ("link", True)


def test_the_question_that_was_asked_is_kept_where_it_is_given(world):
    session = world.started("flow")
    world.do("step.record", session=session, node_id="link", answer="yes", question="Light?")
    assert shown(world, session)["walked_path"][0]["question"] == "Light?"


def test_a_step_finds_its_walk_by_the_ticket(world):
    session = world.started("flow")
    result = world.do("step.record", connection="Acme connectwise", ticket="100", **LINK_YES)
    assert (result["outcome"], result["session_id"]) == ("applied", session)


@pytest.mark.parametrize(
    ("node", "answer", "code"), [("door", "yes", "unknown_node"), ("link", "maybe", "unknown_answer")]
)
def test_a_step_that_is_not_in_the_tree_is_refused(world, node, answer, code):
    session = world.started("flow")
    before = world.walk_tables()
    result = world.do("step.record", session=session, node_id=node, answer=answer)
    assert (result["outcome"], result["code"]) == ("refused", code)
    assert world.walk_tables() == before
    assert world.walk(session, "step_count, current_node_id, last_step_at") == (0, None, None)


def test_an_adhoc_walk_takes_no_steps(world):
    result = world.do("step.record", session=world.started(), **LINK_YES)
    assert (result["outcome"], result["code"]) == ("refused", "adhoc_takes_no_steps")
    assert world.one("SELECT count(*) FROM walk_step") == 0


def test_a_closed_walk_takes_no_steps(world):
    session = world.started("flow")
    world.do("session.resolve", session=session)
    for command in ("step.record", "step.withdraw"):
        result = world.do(command, session=session, **(LINK_YES if command == "step.record" else {}))
        assert (result["outcome"], result["code"], result["status"]) == ("refused", "closed", "resolved")
    assert world.one("SELECT count(*) FROM walk_step") == 0


def test_a_ticket_without_a_walk_takes_no_steps(world):
    result = world.do("step.record", connection="Acme connectwise", ticket="100", **LINK_YES)
    assert (result["outcome"], result["code"]) == ("refused", "no_walk")


@pytest.mark.parametrize("person", ["engineer", "owner"])
@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("step.record", LINK_YES),
        ("step.withdraw", {}),
        ("notes.save", {"notes": []}),
        ("session.resolve", {}),
        ("session.escalate", {"escalation_reason": "x"}),
    ],
)
def test_who_may_not_walk_may_not_go_on_with_a_walk_either(world, command, arguments, person):
    session = world.started("flow")
    world.do("step.record", session=session, **LINK_YES)
    before = world.walk_tables()
    result = world.do(command, session=session, user=f"{person}@acme.example", **arguments)
    assert (result["outcome"], result["code"]) == ("refused", "may_not_walk")
    assert world.walk_tables() == before
    assert world.walk(session, "status") == "active"


def test_a_session_of_another_account_is_unknown_to_this_ones_connection(world):
    session = world.started("flow")
    other = world.tenant("Rival")
    for address in ({"connection": other.psa}, {"account": "Rival"}, {"ticket": "999"}):
        with pytest.raises(world.refusal, match="there is no walk session"):
            world.do("step.record", session=session, **LINK_YES, **address)
    with pytest.raises(world.refusal, match="there is no walk session"):
        world.do("step.record", session=str(uuid4()), **LINK_YES)
    assert world.one("SELECT count(*) FROM walk_step") == 0


def test_a_withdrawn_step_leaves_the_path_and_stays_in_the_audit_view(world):
    session = world.started("flow")
    world.do("step.record", session=session, **LINK_YES)
    world.do("step.record", session=session, node_id="ping", answer="no")
    result = world.do("step.withdraw", session=session)
    assert (result["outcome"], result["step"]) == ("applied", 2)
    walk = shown(world, session)
    assert [step["node_id"] for step in walk["walked_path"]] == ["link"]
    assert [step["node_id"] for step in walk["withdrawn_steps"]] == ["ping"]
    assert walk["current_node_id"] == "link"
    world.do("step.withdraw", session=session)
    assert shown(world, session)["current_node_id"] is None
    assert world.do("step.withdraw", session=session)["code"] == "no_step"


def test_a_step_after_a_withdrawn_one_has_a_place_of_its_own(world):
    session = world.started("flow")
    world.do("step.record", session=session, **LINK_YES)
    world.do("step.withdraw", session=session)
    world.do("step.record", session=session, node_id="link", answer="no")
    assert world.rows("SELECT position, answer, withdrawn_at IS NULL FROM walk_step ORDER BY 1") == [
        (1, "yes", False),
        (2, "no", True),
    ]
