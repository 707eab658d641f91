"""Starting a walk: who, with what, and once per ticket."""

from uuid import uuid4

import pytest

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("kind", "flow_is_set", "version_is_set", "proposal_is_set"),
    [("flow", True, True, False), ("proposal", False, False, True), ("adhoc", False, False, False)],
)
def test_each_kind_of_walk_names_its_guide_and_no_other(
    world, kind, flow_is_set, version_is_set, proposal_is_set
):
    session = world.started(kind)
    assert world.walk(
        session,
        "kind, status, ticket_kind, acting_as, flow_id IS NOT NULL, flow_version_id IS NOT NULL, "
        "flow_proposal_id IS NOT NULL, walk_notes, step_count, last_step_at, user_id",
    ) == (
        *(kind, "active", "psa", None, flow_is_set, version_is_set, proposal_is_set),
        *([], 0, None, world.home_tenant.users["tech"]),
    )


def test_a_flow_walk_pins_the_version_it_was_started_with(world):
    session = world.started("flow")
    world.rows(
        "INSERT INTO flow_version (id, account_id, flow_id, version, tree) "
        "SELECT gen_random_uuid(), account_id, flow_id, 2, "
        """'{"start": "a", "nodes": {"a": {"question": "Other?"}}}' FROM flow_version"""
    )
    assert world.do("step.record", session=session, node_id="link", answer="yes")["outcome"] == "applied"
    newer = world.started("flow", ticket="101")
    assert world.do("step.record", session=newer, node_id="link", answer="yes")["code"] == "unknown_node"


@pytest.mark.parametrize("kind", ["flow", "proposal", "adhoc"])
def test_a_second_start_answers_already_active_and_changes_nothing(world, kind):
    first = world.started("flow")
    before = world.walk_tables()
    second = world.start(kind, user="cover")
    assert second["outcome"] == "duplicate"
    assert second["detail"] == f"already active: {first}"
    assert world.walk_tables() == before


def test_escalating_an_active_walk_without_walk_answers_already_active(world):
    first = world.started("flow")
    result = world.start("adhoc", ticket="200")
    assert result["outcome"] == "applied"
    again = world.do(
        "session.escalate_without_walk",
        connection=world.home_tenant.psa,
        ticket="100",
        user="tech@acme.example",
        escalation_reason="too hard",
    )
    assert (again["outcome"], again["session_id"]) == ("duplicate", first)
    assert world.walk(first, "status") == "active"


def test_a_closed_ticket_can_be_walked_again(world):
    first = world.started()
    world.do("session.resolve", session=first)
    assert world.started() != first


@pytest.mark.parametrize(("person", "acting_as"), [("tech", None), ("cover", "l1_coverage")])
def test_a_covering_engineer_walks_as_coverage(world, person, acting_as):
    assert world.walk(world.started(user=person), "acting_as") == acting_as


@pytest.mark.parametrize("person", ["engineer", "owner"])
@pytest.mark.parametrize("kind", ["flow", "proposal", "adhoc"])
def test_who_may_not_walk_is_refused_and_nothing_changes(world, kind, person):
    result = world.start(kind, user=person)
    assert (result["outcome"], result["code"]) == ("refused", "may_not_walk")
    assert set(world.walk_tables().values()) == {0}


@pytest.mark.parametrize("by_id", [True, False])
def test_a_user_of_another_account_is_refused(world, by_id):
    other = world.tenant("Rival")
    name = str(other.users["tech"]) if by_id else "tech@rival.example"
    result = world.do("session.start_adhoc", connection=world.home_tenant.psa, ticket="100", user=name)
    assert (result["outcome"], result["code"]) == ("refused", "unknown_user")
    assert set(world.walk_tables().values()) == {0}


def test_a_flow_of_another_account_is_refused(world):
    other = world.tenant("Rival")
    result = world.start("flow", flow=str(other.flow_id))
    assert (result["outcome"], result["code"]) == ("refused", "unknown_flow")
    assert set(world.walk_tables().values()) == {0}


@pytest.mark.parametrize("exists", [True, False])
def test_a_proposal_of_another_account_is_refused_as_one_that_does_not_exist(world, exists):
    other = world.tenant("Rival")
    result = world.start("proposal", flow_proposal_id=str(other.proposal_id if exists else uuid4()))
    assert (result["outcome"], result["code"]) == ("refused", "unknown_proposal")
    assert set(world.walk_tables().values()) == {0}


def test_a_connection_of_another_account_is_not_this_accounts(world):
    other = world.tenant("Rival")
    with pytest.raises(world.refusal, match="there is no connection"):
        world.start(account="Acme", connection=other.psa)
    assert world.one("SELECT count(*) FROM command") == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"connection": "nowhere"}, "unknown_connection"),
        ({"connection": None, "account": "nowhere"}, "unknown_account"),
        ({"connection": None, "account": "Acme"}, "invalid"),
        ({"connection": None}, "invalid"),
    ],
)
def test_a_ticket_that_belongs_nowhere_is_refused_before_anything_is_stored(world, arguments, code):
    with pytest.raises(world.refusal) as refused:
        world.start(**arguments)
    assert refused.value.code == code
    assert (world.one("SELECT count(*) FROM command"), world.one("SELECT count(*) FROM ticket")) == (0, 0)


def test_a_row_named_like_the_id_of_another_does_not_stand_in_its_way(world):
    world.rows(
        "UPDATE connection SET name = :id WHERE id = :own",
        id=world.home_tenant.psa,
        own=world.home_tenant.standard,
    )
    session = world.started()
    assert str(world.one("SELECT connection_id FROM ticket")) == world.home_tenant.psa
    assert session


def test_an_internal_ticket_and_a_psa_ticket_may_bear_the_same_id(world):
    psa = world.started()
    internal = world.started(ticket_kind="internal")
    assert psa != internal
    assert world.rows("SELECT ticket_kind FROM l1_walk_session ORDER BY 1") == ["internal", "psa"]


def test_an_internal_ticket_needs_no_connection(world):
    session = world.started(connection=None, account="Acme", ticket_kind="internal")
    assert world.one("SELECT connection_id FROM ticket") is None
    assert world.do("session.resolve", session=session)["outcome"] == "applied"
    assert world.one("SELECT count(*) FROM outbox") == 0
