"""The store refuses what the code would never write."""

from uuid import uuid4

import pytest
from sqlalchemy.exc import IntegrityError

pytestmark = pytest.mark.integration

INSERT = (
    "INSERT INTO l1_walk_session (id, account_id, ticket_id, ticket_kind, user_id, {names}) "
    "SELECT gen_random_uuid(), account_id, ticket_id, ticket_kind, user_id, {values} "
    "FROM l1_walk_session LIMIT 1"
)


@pytest.mark.parametrize(
    ("constraint", "columns"),
    [
        ("kind_known", {"kind": "'stroll'"}),
        ("status_known", {"status": "'paused'"}),
        ("ticket_kind_known", {"ticket_kind": "'email'"}),
        ("acting_as_known", {"acting_as": "'owner'"}),
        ("flow_exactly_when_flow", {"kind": "'flow'"}),
        ("flow_exactly_when_flow", {"kind": "'adhoc'", "flow_id": ":flow", "flow_version_id": ":version"}),
        ("flow_has_version", {"kind": "'flow'", "flow_id": ":flow"}),
        ("flow_has_version", {"kind": "'adhoc'", "flow_version_id": ":version"}),
        ("proposal_exactly_when_proposal", {"kind": "'proposal'"}),
        ("proposal_exactly_when_proposal", {"kind": "'adhoc'", "flow_proposal_id": ":proposal"}),
        ("resolved_has_time", {"status": "'resolved'"}),
        ("resolved_has_time", {"resolved_at": "now()"}),
        ("escalated_has_time", {"status": "'escalated'", "escalation_reason": "'x'"}),
        ("escalated_has_time", {"escalated_at": "now()"}),
        ("escalated_has_reason", {"status": "'escalated'", "escalated_at": "now()"}),
        ("escalated_has_reason", {"escalation_reason": "'x'"}),
        ("abandoned_has_time", {"status": "'abandoned'"}),
        ("abandoned_has_time", {"abandoned_at": "now()"}),
        ("walk_notes_is_list", {"walk_notes": "'{}'"}),
    ],
)
def test_a_walk_that_breaks_a_rule_is_refused_by_the_store(world, constraint, columns):
    world.do("session.resolve", session=world.started())
    base = {"kind": "'adhoc'", "status": "'active'"}
    # the ticket's kind stands in the copied columns, so breaking it is an UPDATE
    sql = "UPDATE l1_walk_session SET ticket_kind = 'email'"
    if "ticket_kind" not in columns:
        row = {**base, **columns}
        sql = INSERT.format(names=", ".join(row), values=", ".join(row.values()))
    names = {
        "flow": world.home_tenant.flow_id,
        "version": world.one("SELECT id FROM flow_version"),
        "proposal": world.home_tenant.proposal_id,
    }
    with pytest.raises(IntegrityError, match=f"ck_l1_walk_session_{constraint}"):
        world.rows(sql, **{name: value for name, value in names.items() if f":{name}" in sql})


def test_every_constraint_of_a_walk_has_its_case(world):
    checked = set(
        world.rows(
            "SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = 'l1_walk_session'::regclass"
        )
    )
    ((_, cases),) = (
        mark.args
        for mark in test_a_walk_that_breaks_a_rule_is_refused_by_the_store.pytestmark
        if mark.name == "parametrize"
    )
    assert {f"ck_l1_walk_session_{name}" for name, _ in cases} == checked


def test_a_ticket_has_one_active_walk(world):
    world.started()
    with pytest.raises(IntegrityError, match="uq_l1_walk_session_active"):
        world.rows(INSERT.format(names="kind", values="'adhoc'"))


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("UPDATE l1_walk_session SET user_id = :user", "fk_l1_walk_session_account_id_user_id"),
        ("UPDATE l1_walk_session SET ticket_id = :ticket", "fk_l1_walk_session_account_id_ticket_id"),
        (
            "UPDATE l1_walk_session SET kind = 'proposal', flow_proposal_id = :proposal",
            "fk_l1_walk_session_account_id_flow_proposal_id",
        ),
        (
            "UPDATE l1_walk_session SET kind = 'flow', flow_id = :flow, flow_version_id = :version",
            "fk_l1_walk_session_account_id_flow_id",
        ),
        ("UPDATE ticket SET connection_id = :connection WHERE external_id = '100'", "fk_ticket_account_id"),
        ("UPDATE command SET ticket_id = :ticket", "fk_command_account_id_ticket_id"),
    ],
)
def test_rows_of_two_accounts_never_join(world, sql, constraint):
    rival = world.tenant("Rival")
    world.do("session.start_adhoc", connection=rival.psa, ticket="1", user="tech@rival.example")
    for table in ("note_draft", "l1_walk_session", "command"):
        world.rows(f"DELETE FROM {table}")  # noqa: S608 - literals
    world.started()
    values = {
        "user": rival.users["tech"],
        "ticket": world.one("SELECT id FROM ticket WHERE external_id = '1'"),
        "proposal": rival.proposal_id,
        "flow": rival.flow_id,
        "version": world.one("SELECT id FROM flow_version WHERE flow_id = :id", id=rival.flow_id),
        "connection": rival.psa,
    }
    with pytest.raises(IntegrityError, match=constraint):
        world.rows(sql, **{name: value for name, value in values.items() if f":{name}" in sql})


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("UPDATE ticket SET connection_id = NULL", "ck_ticket_psa_has_connection"),
        ("UPDATE ticket SET kind = 'email'", "ck_ticket_kind_known"),
        ("UPDATE ticket SET status = 'on fire'", "ck_ticket_status_known"),
        ("UPDATE user_account SET role = 'boss'", "ck_user_account_role_known"),
        ("UPDATE command SET state = 'lost'", "ck_command_state_known"),
        ("UPDATE command SET key = 'same', account_id = account_id", "uq_command_account_id_key"),
        ("UPDATE outbox SET state = 'lost'", "ck_outbox_state_known"),
        ("UPDATE outbox SET kind = 'fax'", "ck_outbox_kind_known"),
        ("UPDATE note_draft SET written_revision = 9", "ck_note_draft_writes_what_was_saved"),
        ("UPDATE note_draft SET due_at = now(), closed_at = NULL", "ck_note_draft_dirty_has_due_time"),
        ("UPDATE note_draft SET due_at = now(), first_dirty_at = now()", "ck_note_draft_closed_is_clean"),
        ("UPDATE walk_step SET position = 1", "uq_walk_step_session_id_position"),
        (
            """INSERT INTO outbox
                (account_id, connection_id, ticket_id, session_id, kind, purpose, content, marker)
                SELECT account_id, connection_id, ticket_id, session_id, kind, purpose, content, ''
                FROM outbox""",
            "uq_outbox_session_id_kind_part",
        ),
    ],
)
def test_other_tables_refuse_what_the_code_would_never_write(world, sql, constraint):
    session = world.started("flow")
    world.do("step.record", session=session, node_id="link", answer="yes")
    world.do("step.record", session=session, node_id="ping", answer="yes")
    world.do("notes.save", session=session, notes=[])
    world.do("session.resolve", session=session)
    with pytest.raises(IntegrityError, match=constraint):
        world.rows(sql)


def test_a_session_id_is_an_id_of_nothing_else(world):
    with pytest.raises(world.refusal, match="there is no walk session"):
        world.do("session.resolve", session=str(uuid4()))
