"""Keys and secrets are changed while the service runs: nothing is lost, and who did it is recorded."""

from dataclasses import replace
from threading import Thread
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from integrations.registry import PROVIDERS
from worker.services import accounts, resealing
from worker.services.connection_secrets import Change, change_secrets
from worker.services.resealing import Resealed, reseal_all
from worker.services.vault import Secrets, Vault

pytestmark = pytest.mark.integration

OLD, NEW = (Fernet.generate_key().decode() for _ in "12")
FIRST = "whsec_Zmlyc3QtZmlyc3QtZmlyc3QtZmlyc3QtZmlyc3Q="
SECOND = "whsec_c2Vjb25kLXNlY29uZC1zZWNvbmQtc2Vjb25kLXM="


def with_keys(world, *keys: str) -> Any:
    return replace(world.context, vault=Vault(keys))


def sealed_of(world, name: str) -> bytes:
    return bytes(world.one("SELECT secrets FROM connection WHERE name = :name", name=name))


@pytest.fixture
def many(world, monkeypatch) -> int:
    """Connections of two accounts, sealed with the old key; more than one batch in each."""
    monkeypatch.setattr(resealing, "BATCH", 2)
    world.tenant("Other")
    world.rows("UPDATE connection SET secrets = :sealed", sealed=_seal(OLD))
    for number in range(3):
        world.rows(
            "INSERT INTO connection (id, account_id, provider, name, base_url, secrets) "
            "SELECT gen_random_uuid(), id, 'standard', name || :number, 'https://psa.example', :sealed "
            "FROM account",
            number=str(number),
            sealed=_seal(OLD),
        )
    return int(world.one("SELECT count(*) FROM connection"))


def _seal(key: str) -> bytes:
    return Vault([key]).seal(Secrets({"public_key": "p"}, (FIRST,)))


def test_after_a_rotation_every_connection_opens_without_the_old_key(world, many):
    assert reseal_all(with_keys(world, NEW, OLD)) == Resealed(many, 0, ())

    for sealed in world.rows("SELECT secrets FROM connection"):
        assert Vault([NEW]).open(bytes(sealed)) == Secrets({"public_key": "p"}, (FIRST,))


def test_a_second_rotation_changes_nothing(world, many):
    context = with_keys(world, NEW, OLD)
    reseal_all(context)
    before = world.rows("SELECT secrets FROM connection ORDER BY id")

    assert reseal_all(context) == Resealed(0, many, ())
    assert world.rows("SELECT secrets FROM connection ORDER BY id") == before


def test_a_rotation_that_was_interrupted_goes_on_where_it_was(world, many, monkeypatch):
    context = with_keys(world, NEW, OLD)
    seal = Vault.seal
    sealed: list[Secrets] = []

    def dies_at_the_fourth(vault: Vault, secrets: Secrets) -> bytes:
        if len(sealed) == 3:
            raise KeyboardInterrupt
        sealed.append(secrets)
        return seal(vault, secrets)

    monkeypatch.setattr(Vault, "seal", dies_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        reseal_all(context)
    monkeypatch.setattr(Vault, "seal", seal)

    # the first batch of two is committed, the second one is undone whole
    assert reseal_all(context) == Resealed(many - 2, 2, ())


def test_a_connection_that_no_key_opens_is_named_and_left_as_it_is(world, many):
    foreign = _seal(Fernet.generate_key().decode())
    world.rows("UPDATE connection SET secrets = :sealed WHERE name = 'Acme1'", sealed=foreign)

    assert reseal_all(with_keys(world, NEW, OLD)) == Resealed(many - 1, 0, ("Acme1",))
    assert sealed_of(world, "Acme1") == foreign


@pytest.fixture
def intake(world) -> Any:
    """A standard connection with one webhook secret, and the real rules of its provider."""
    context = replace(world.context, providers=PROVIDERS)
    new = accounts.NewConnection("Acme", "standard", "intake", "https://tool.example/hooks", {}, (FIRST,))
    accounts.add_connection(context, new)
    return context


def opened(world, context) -> Secrets:
    secrets: Secrets = context.vault.open(sealed_of(world, "intake"))
    return secrets


def test_a_new_webhook_secret_is_the_newest_and_the_old_one_stays_valid(world, intake):
    changed = change_secrets(intake, "intake", Change({}, SECOND), operator="jane")

    assert opened(world, intake).webhook_secrets == (SECOND, FIRST)
    assert changed.webhook_secrets == 2


def test_once_the_sender_has_the_new_secret_the_old_one_is_dropped(world, intake):
    change_secrets(intake, "intake", Change({}, SECOND), operator="jane")
    change_secrets(intake, "intake", Change({}, drop_old=True), operator="jane")

    assert opened(world, intake).webhook_secrets == (SECOND,)


def test_the_same_secret_twice_is_kept_once(world, intake):
    change_secrets(intake, "intake", Change({}, FIRST), operator="jane")

    assert opened(world, intake).webhook_secrets == (FIRST,)


def test_a_change_of_secrets_is_recorded_with_who_did_it_and_without_them(world, intake):
    change_secrets(intake, "intake", Change({}, SECOND), operator="jane")

    action, operator, detail = world.one("SELECT action, operator, detail::text FROM audit_log")
    assert (action, operator) == ("connection.secrets_changed", "jane")
    assert SECOND not in detail


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (Change({}), "say what to change: --credential, --webhook-secret or --drop-old"),
        (Change({}, "not-a-secret"), "a webhook secret starts with whsec_"),
        (Change({"x": "y"}), "the standard provider knows no credential x"),
    ],
)
def test_a_change_that_the_provider_could_not_work_with_is_refused(world, intake, change, sentence):
    with pytest.raises(world.refusal) as refused:
        change_secrets(intake, "intake", change, operator="jane")

    assert refused.value.sentence == sentence
    assert opened(world, intake) == Secrets({}, (FIRST,))


def test_more_than_four_webhook_secrets_are_not_valid_together(world, intake):
    others = [f"whsec_{letter * 32}" for letter in "abc"]
    for secret in others:
        change_secrets(intake, "intake", Change({}, secret), operator="jane")

    with pytest.raises(world.refusal, match="--drop-old first"):
        change_secrets(intake, "intake", Change({}, SECOND), operator="jane")
    change_secrets(intake, "intake", Change({}, SECOND, drop_old=True), operator="jane")
    assert opened(world, intake).webhook_secrets == (SECOND,)


def test_a_credential_is_changed_and_the_others_stay(world):
    sealed = world.context.vault.seal(Secrets({"public_key": "a", "private_key": "b"}, ()))
    world.rows("UPDATE connection SET secrets = :s WHERE id = :id", s=sealed, id=world.home_tenant.psa)

    change_secrets(world.context, world.home_tenant.psa, Change({"private_key": "c"}), operator="jane")

    kept = world.context.vault.open(sealed_of(world, "Acme connectwise"))
    assert kept.credentials == {"public_key": "a", "private_key": "c"}


def test_a_change_that_comes_during_a_rotation_is_not_overwritten(world):
    changed = Vault([OLD]).seal(Secrets({"public_key": "changed"}, ()))
    world.rows("UPDATE connection SET secrets = :sealed", sealed=_seal(OLD))
    with world.owner.connect() as other:
        other.execute(text("UPDATE connection SET secrets = :sealed"), {"sealed": changed})
        rotation = Thread(target=reseal_all, args=(with_keys(world, NEW, OLD),))
        rotation.start()
        world.until(lambda: world.one("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
        other.commit()
        rotation.join()

    for sealed in world.rows("SELECT secrets FROM connection"):
        assert Vault([NEW]).open(bytes(sealed)).credentials == {"public_key": "changed"}
