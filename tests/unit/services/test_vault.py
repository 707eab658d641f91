"""What is sealed opens with any of the keys, and is brought under the first one."""

import pytest
from cryptography.fernet import Fernet

from worker.errors import ConfigurationError
from worker.services.vault import Secrets, Vault

OLD, NEW = (Fernet.generate_key().decode() for _ in "12")
SECRETS = Secrets({"private_key": "s3cret"}, ("whsec_new", "whsec_old"))


def test_secrets_are_not_readable_where_they_are_kept():
    sealed = Vault([OLD]).seal(SECRETS)

    assert b"s3cret" not in sealed
    assert b"whsec_new" not in sealed
    assert "s3cret" not in repr(SECRETS)


def test_resealed_secrets_open_without_the_old_key():
    resealed = Vault([NEW, OLD]).resealed(Vault([OLD]).seal(SECRETS))

    assert resealed is not None
    assert Vault([NEW]).open(resealed) == SECRETS


def test_what_is_under_the_first_key_is_left_as_it_is():
    assert Vault([NEW, OLD]).resealed(Vault([NEW]).seal(SECRETS)) is None


def test_secrets_that_no_key_opens_are_said_so_without_a_word_of_them():
    with pytest.raises(ConfigurationError) as error:
        Vault([NEW]).resealed(Vault([OLD]).seal(SECRETS))
    assert str(error.value) == (
        "the connection's secrets cannot be opened; TICKETWALK_SECRET_KEYS lacks their key"
    )
