"""What every PSA delivers is proven authentic, or refused."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from integrations.errors import KeyUnavailableError, PayloadError, SignatureError
from integrations.ports import EventKind, WebhookRequest
from tests.integration.contract.conftest import PSAS, Psa

pytestmark = pytest.mark.integration

HERE = {EventKind.TICKET_CREATED, EventKind.TICKET_CHANGED}


@pytest.fixture
def delivery(psa: Psa) -> WebhookRequest:
    """A real one, of a ticket that was created."""
    psa.client.register(psa.url)
    psa.stand_in.create_ticket()
    return psa.delivered()[0]


def refuses(psa: Psa, request: WebhookRequest) -> bool:
    try:
        psa.provider.verify(request, psa.link)
    except (SignatureError, PayloadError, KeyUnavailableError):
        return True
    return False


def fired(psa: Psa, step: Callable[[], object]) -> set[tuple[EventKind, str | None]]:
    psa.delivered()
    psa.receiver.reset()
    step()
    return {(event.kind, event.ticket_id) for event in psa.events() if event.kind is not EventKind.IGNORED}


def test_a_real_delivery_verifies_and_names_its_ticket(psa):
    psa.client.register(psa.url)
    ticket_id = psa.stand_in.create_ticket()
    found = {(event.kind, event.ticket_id) for event in psa.events()}
    assert found & {(kind, ticket_id) for kind in HERE}


def test_whatever_happens_to_a_ticket_is_delivered(psa):
    psa.client.register(psa.url)
    ticket_id, other = psa.stand_in.create_ticket(), psa.stand_in.create_ticket()
    note_id = psa.stand_in.add_note(ticket_id, "yse")
    steps: list[Callable[[], object]] = [
        lambda: psa.stand_in.add_note(ticket_id, "yes"),
        lambda: psa.stand_in.add_note(ticket_id, "still broken", contact="Bob"),
        lambda: psa.stand_in.edit_note(ticket_id, note_id, "yes"),
        lambda: psa.stand_in.set_status(ticket_id, psa.dialect.statuses[0]),
        lambda: psa.stand_in.assign(ticket_id, "asmith"),
        lambda: psa.stand_in.merge_ticket(ticket_id, into=other),
    ]
    for step in steps:
        assert fired(psa, step) & {(kind, ticket_id) for kind in HERE}
    gone = fired(psa, lambda: psa.stand_in.delete_ticket(other))
    assert (EventKind.TICKET_DELETED, other) in gone


def test_every_single_byte_counts(psa, delivery):
    if not psa.dialect.signs_body:
        assert not refuses(psa, replace(delivery, body=delivery.body + b" "))
        return
    for place in range(0, len(delivery.body), max(1, len(delivery.body) // 40)):
        body = delivery.body[:place] + bytes([delivery.body[place] ^ 1]) + delivery.body[place + 1 :]
        assert refuses(psa, replace(delivery, body=body)), place


def test_a_body_written_anew_is_refused(psa, delivery):
    anew = json.dumps(json.loads(delivery.body), indent=1).encode()
    assert anew != delivery.body
    assert refuses(psa, replace(delivery, body=anew)) is psa.dialect.signs_body


def test_a_delivery_without_its_proof_is_refused(psa, delivery):
    without = [
        {name: value for name, value in delivery.headers.items() if name != left_out}
        for left_out in delivery.headers
    ]
    assert any(refuses(psa, replace(delivery, headers=headers)) for headers in without)
    assert refuses(psa, replace(delivery, headers={}))


def test_a_proof_that_was_tampered_with_is_refused(psa, delivery):
    tampered = [{**delivery.headers, name: f"{value}x"} for name, value in delivery.headers.items()]
    assert any(refuses(psa, replace(delivery, headers=headers)) for headers in tampered)


def test_a_delivery_of_another_connection_is_refused(psa, delivery):
    secrets = tuple(
        secret[:-1] + ("b" if secret.endswith("a") else "a") for secret in psa.link.webhook_secrets
    )
    others = {name: f"{value}x" for name, value in psa.link.credentials.items()}
    psa.link = replace(psa.link, webhook_secrets=secrets, credentials=others)
    assert refuses(psa, delivery)


def test_either_of_two_secrets_is_good_while_one_is_being_replaced(psa, delivery):
    [*secrets] = psa.link.webhook_secrets
    older = replace(psa.link, webhook_secrets=(*(f"{secret}b" for secret in secrets), *secrets))
    psa.provider.verify(delivery, older)


def test_while_webhooks_are_lost_the_change_is_listed_all_the_same(psa):
    psa.client.register(psa.url)
    ticket_id = psa.stand_in.create_ticket()
    before = len(psa.delivered())
    psa.stand_in.set_webhooks(on=False)
    psa.stand_in.add_note(ticket_id, "yes")
    assert len(psa.delivered()) == before


def test_there_is_a_psa_to_test():
    assert "connectwise" in PSAS
