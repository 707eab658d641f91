"""Accounts, users, connections and flows: what an engineer sets up once."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from cryptography.fernet import Fernet

from worker.db.models import ConnectionRow
from worker.domain.pace import CallLimit
from worker.domain.words import Role
from worker.errors import ConfigurationError
from worker.services import accounts, flows, health
from worker.services.pacing import NoPlaceError
from worker.services.vault import Secrets, Vault

pytestmark = pytest.mark.integration

NEW = accounts.NewConnection(
    account="Acme",
    provider="connectwise",
    name="Second",
    base_url="https://psa.example/",
    credentials={"public_key": "s3cret"},
    webhook_secrets=("whsec_x",),
)
FLOW: dict[str, Any] = {
    "name": "Printer",
    "start": "a",
    "nodes": {"a": {"question": "Does it print?", "answers": {"yes": None}}},
}


def refuses(world, code, use_case, **arguments: Any) -> str:
    with pytest.raises(world.refusal) as refused:
        use_case(world.context, **arguments)
    assert refused.value.code == code
    return str(refused.value.sentence)


def add_user(world, **changes: Any) -> Any:
    user = {
        "account": "Acme",
        "email": "new@acme.example",
        "role": Role.ENGINEER,
        "can_cover_l1": True,
        "psa_member": None,
    }
    return partial(accounts.add_user, **{**user, **changes})


def test_an_account_is_made_once(world):
    account_id = accounts.add_account(world.context, "New")
    assert world.one("SELECT id FROM account WHERE name = 'New'") == account_id
    assert refuses(world, "taken", accounts.add_account, name="New") == 'there is an account "New" already'


@pytest.mark.parametrize("name", ["", " ", " New", "x" * 201, "a\x00b", "\udcff"])
def test_a_name_that_nobody_could_use_later_is_refused(world, name):
    refuses(world, "invalid", accounts.add_account, name=name)
    refuses(world, "invalid", add_user(world, email=f"{name}@") if name != "" else add_user(world, email=""))
    refuses(world, "invalid", partial(accounts.add_connection, new=replace(NEW, name=name)))
    refuses(world, "invalid", flows.import_flow, account="Acme", document={**FLOW, "name": name})


def test_a_user_is_made_once_whatever_the_case_of_the_email(world):
    user_id = add_user(world, psa_member="jd")(world.context)
    assert world.one(
        "SELECT role, can_cover_l1, psa_member_id FROM user_account WHERE id = :id", id=user_id
    ) == ("engineer", True, "jd")
    assert "already" in refuses(world, "taken", add_user(world, email="NEW@acme.example"))
    refuses(world, "unknown_account", add_user(world, account="Nobody"))
    refuses(world, "invalid", add_user(world, email="no email"))


def test_two_accounts_may_know_the_same_person(world):
    world.tenant("Rival")
    add_user(world)(world.context)
    assert add_user(world, account="Rival")(world.context)


def test_a_connections_secrets_are_sealed(world):
    connection_id = accounts.add_connection(world.context, NEW)
    sealed, base_url = world.one("SELECT secrets, base_url FROM connection WHERE id = :id", id=connection_id)
    assert b"s3cret" not in sealed
    assert b"whsec" not in sealed
    assert base_url == "https://psa.example"
    assert world.context.vault.open(sealed) == Secrets({"public_key": "s3cret"}, ("whsec_x",))


def test_a_new_connection_is_reconciled_from_its_beginning_and_not_at_once(world):
    connection_id = accounts.add_connection(world.context, NEW)
    assert world.one(
        "SELECT s.watermark = c.created_at, s.reconcile_due_at > now() + interval '4 minutes',"
        " s.check_due_at > now() + interval '59 minutes' FROM connection_state s"
        " JOIN connection c ON c.id = s.connection_id WHERE c.id = :id",
        id=connection_id,
    ) == (True, True, True)


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ({"limits": {"calls_per_minute": "100"}}, None),
        ({"limits": {"calls_per_minute": 0}}, "invalid"),
        ({"limits": {"calls_per_minute": "many"}}, "invalid"),
        ({"on_psa_close": "explode"}, "invalid"),
        ({"on_psa_close": "abandon", "on_psa_merge": "ignore", "on_psa_reassign": "flag"}, None),
        ({"on_resolve": {"time": "true", "note": "customer"}}, None),
        ({"on_escalate": {"note": "customer"}}, "invalid"),
    ],
)
def test_rules_are_checked_when_they_are_given(world, rules, code):
    new = replace(NEW, rules=rules)
    if code is None:
        assert accounts.add_connection(world.context, new)
    else:
        refuses(world, code, partial(accounts.add_connection, new=new))


@pytest.mark.parametrize(
    ("rules", "per_minute"), [({}, 50), ({"limits": {"calls_per_minute": 7}}, 7)], ids=["provider", "rules"]
)
def test_a_link_is_paced_by_its_rules_or_else_by_its_provider(world, rules, per_minute):
    world.provider.calls_per_hour = 3_000
    connection_id = accounts.add_connection(world.context, replace(NEW, rules=rules))
    with world.context.uow.begin(world.home_tenant.account_id) as tx:
        link = accounts.open_link(world.context, tx.session.get_one(ConnectionRow, connection_id))
    link.pace()
    with pytest.raises(NoPlaceError), world.context.pacer.place(str(connection_id), 1, patience=timedelta(0)):
        pytest.fail("the next slot is later")
    slot = CallLimit(per_minute).interval
    with world.context.pacer.place(str(connection_id), 1, patience=slot):
        pass


def test_a_sender_of_commands_takes_no_rules_but_limits(world):
    standard = replace(NEW, provider="standard", rules={"limits": {"calls_per_minute": 5}})
    assert accounts.add_connection(world.context, standard)
    refuses(
        world,
        "invalid",
        partial(accounts.add_connection, new=replace(standard, name="x", rules={"on_psa_close": "flag"})),
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"provider": "jira"}, "unknown_provider"),
        ({"account": "Nobody"}, "unknown_account"),
        ({"base_url": "http://psa.example"}, "invalid"),
        ({"rules": {"rules": [{"start": "walk"}]}}, "invalid"),
        ({"rules": {"on_resolve": {"status": "a\x00b"}}}, "invalid"),
        ({"name": "Acme connectwise"}, "taken"),
    ],
)
def test_a_connection_that_could_not_work_is_refused(world, changes, code):
    refuses(world, code, partial(accounts.add_connection, new=replace(NEW, **changes)))
    assert world.one("SELECT count(*) FROM connection") == 2


def test_what_a_provider_needs_is_asked_for(world):
    world.provider.credential_names = ("public_key", "client_id")
    assert "--credential client_id=VALUE" in refuses(
        world, "invalid", partial(accounts.add_connection, new=NEW)
    )
    world.provider.credential_names = ()
    world.provider.needs_webhook_secret = True
    unsigned = replace(NEW, webhook_secrets=())
    assert "--webhook-secret" in refuses(world, "invalid", partial(accounts.add_connection, new=unsigned))


def test_listings_are_of_one_account_or_of_all(world):
    world.tenant("Rival")
    context = world.context
    assert [row.name for row in accounts.list_accounts(context)] == ["Acme", "Rival"]
    assert (len(accounts.list_users(context, None)), len(accounts.list_users(context, "Rival"))) == (8, 4)
    assert len(health.every_health(context)) == 4
    assert {line.connection.name for line in health.every_health(context, "Rival")} == {
        *("Rival connectwise", "Rival standard"),
    }
    assert [line.name for line in flows.list_flows(context, "Rival")] == ["VPN down"]
    assert len(flows.list_flows(context, None)) == 2


def test_an_imported_flow_gets_a_new_version_only_where_its_tree_changed(world):
    changed = {**FLOW, "nodes": {"a": {"question": "Does it print now?"}}}
    done = [flows.import_flow(world.context, account="Acme", document=each) for each in (FLOW, FLOW, changed)]
    assert [(each.version, each.changed) for each in done] == [(1, True), (1, False), (2, True)]
    assert len({each.flow_id for each in done}) == 1


def test_two_imports_at_the_same_time_number_their_versions_in_turn(world):
    trees = [{**FLOW, "nodes": {"a": {"question": f"Number {number}?"}}} for number in range(6)]
    world.at_once(
        *[partial(flows.import_flow, world.context, account="Acme", document=tree) for tree in trees]
    )
    query = (
        "SELECT version FROM flow_version v JOIN flow f ON f.id = v.flow_id "
        "WHERE f.name = 'Printer' ORDER BY 1"
    )
    assert world.rows(query) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "document", [None, [], {}, {"name": 7}, {"name": "x"}, {**FLOW, "start": "b"}, {**FLOW, "more": 1}]
)
def test_a_flow_file_that_does_not_hold_together_is_refused(world, document):
    refuses(world, "invalid", flows.import_flow, account="Acme", document=document)
    refuses(world, "invalid", flows.import_proposal, account="Acme", document=document)
    assert world.one("SELECT count(*) FROM flow") == 1


def test_each_imported_proposal_is_one_of_its_own(world):
    ids = {flows.import_proposal(world.context, account="Acme", document=FLOW) for _ in range(2)}
    assert len(ids) == 2
    assert world.start("proposal", flow_proposal_id=str(ids.pop()))["outcome"] == "applied"


def test_secrets_open_after_a_rotation_and_not_without_their_key():
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    secrets = Secrets({"a": "b"}, ("c",))
    sealed = Vault([old]).seal(secrets)
    assert Vault([new, old]).open(sealed) == secrets
    with pytest.raises(ConfigurationError, match="TICKETWALK_SECRET_KEYS lacks their key"):
        Vault([new]).open(sealed)
    assert "b" not in repr(secrets).replace("webhook", "")
