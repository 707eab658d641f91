"""The address a PSA is given, and what is shown of it."""

from hashlib import sha256

import pytest
from sqlalchemy import update

from integrations.ports import Link
from worker.db.models import ConnectionRow
from worker.services import lookup
from worker.services.vault import Secrets
from worker.services.webhook_urls import masked_webhook_url, webhook_url

pytestmark = pytest.mark.integration

PUBLIC = "https://tw.example.com/"


@pytest.fixture
def row(world, monkeypatch) -> ConnectionRow:
    """A connection of a provider whose address ends with its secret word."""
    monkeypatch.setattr(
        world.provider, "webhook_url", lambda url, link: f"{url}/{''.join(link.webhook_secrets)}"
    )
    sealed = world.context.vault.seal(Secrets({}, ("hunter22",)))
    with world.context.uow.begin(None) as tx:
        tx.session.execute(
            update(ConnectionRow).where(ConnectionRow.id == world.home_tenant.psa).values(secrets=sealed)
        )
    with world.context.uow.begin(None) as tx:
        found = lookup.connection(tx, world.home_tenant.psa)
        tx.session.refresh(found)
        _ = found.secrets, found.provider, found.base_url
        tx.session.expunge(found)
        return found


def test_the_psa_is_given_the_whole_address(world, row):
    url = f"https://tw.example.com/webhooks/connectwise/{row.id}/hunter22"
    assert webhook_url(world.context, PUBLIC, row) == url


def test_a_word_that_is_made_from_the_secret_is_masked_too(world, row, monkeypatch):
    def hashed(url: str, link: Link) -> str:
        return f"{url}/{sha256(''.join(link.webhook_secrets).encode()).hexdigest()}"

    monkeypatch.setattr(world.provider, "webhook_url", hashed)
    assert masked_webhook_url(world.context, PUBLIC, row).endswith(f"/{row.id}/***")


def test_what_is_no_secret_in_an_address_is_shown(world, row, monkeypatch):
    monkeypatch.setattr(world.provider, "webhook_url", lambda url, _link: f"{url}?recordId=")
    url = f"https://tw.example.com/webhooks/connectwise/{row.id}?recordId="
    assert masked_webhook_url(world.context, PUBLIC, row) == url


def test_a_connection_whose_key_is_missing_is_shown_masked(world, row):
    row.secrets = b"sealed with another key"
    assert masked_webhook_url(world.context, PUBLIC, row).endswith(f"/{row.id}/***")


def test_an_address_that_is_shown_has_no_secret_word(world, row):
    url = f"https://tw.example.com/webhooks/connectwise/{row.id}/***"
    assert masked_webhook_url(world.context, PUBLIC, row) == url
