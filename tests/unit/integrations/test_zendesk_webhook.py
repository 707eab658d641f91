"""Zendesk's event webhooks, without a network: the secrets are given by a stub in place of Zendesk."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.errors import PayloadError, SignatureError
from integrations.ports import EventKind, Link, WebhookRequest
from integrations.zendesk import Zendesk
from integrations.zendesk.signing import SigningSecrets
from integrations.zendesk.webhook import signature_of

SECRET = "s3cret-key"
TIMESTAMP = "2026-06-02T14:03:11Z"
NOW = datetime(2026, 6, 2, 14, 3, 12, tzinfo=UTC)
LINK = Link("c1", "https://acme.zendesk.com", {"email": "tw@acme.example", "api_token": "t0ken"})

#: Computed from the rule of "Verifying webhook authenticity" with another program (openssl).
VECTOR_BODY = rb'{"Action":"Update","Id":7,"Fields":{"title":"caf\u00E9 \u0026 bar"}}'
VECTOR = "qukunJINgVZBzQx2+JECRk+vfi8dzuMf7SKdXUkOCNQ="


def event(**changes: Any) -> dict[str, Any]:
    return {
        "account_id": 22129848,
        "detail": {"id": "35436", "status": "OPEN"},
        "event": {},
        "id": "0b1d7a26-fb50-4ffb-9a3c-6a0c4c2f0001",
        "subject": "zen:ticket:35436",
        "type": "zen:event-type:ticket.status_changed",
        **changes,
    }


def signed(body: bytes, secret: str = SECRET, **headers: str) -> WebhookRequest:
    sent = {
        "x-zendesk-webhook-signature": signature_of(body, TIMESTAMP, secret),
        "x-zendesk-webhook-signature-timestamp": TIMESTAMP,
    }
    return WebhookRequest(body, {**sent, **headers}, NOW)


def provider_with(*secrets: str) -> Zendesk:
    return Zendesk(SigningSecrets(lambda _link: secrets))


def read(message: Any) -> Any:
    [found] = Zendesk().parse(WebhookRequest(json.dumps(message).encode(), {}, NOW))
    return found


def test_the_signature_vector_is_reproduced():
    assert signature_of(VECTOR_BODY, TIMESTAMP, SECRET) == VECTOR


def test_a_signed_body_is_accepted():
    provider_with(SECRET).verify(signed(VECTOR_BODY), LINK)


def test_the_secret_of_either_webhook_is_good():
    provider_with("of-the-older-one", SECRET).verify(signed(VECTOR_BODY), LINK)


def test_another_secret_is_refused():
    with pytest.raises(SignatureError):
        provider_with(SECRET).verify(signed(VECTOR_BODY, "another"), LINK)


def test_without_any_webhook_nothing_is_accepted():
    with pytest.raises(SignatureError):
        provider_with().verify(signed(VECTOR_BODY, ""), LINK)


def test_another_time_is_refused():
    late = signed(VECTOR_BODY, **{"x-zendesk-webhook-signature-timestamp": "2026-06-02T14:03:12Z"})
    with pytest.raises(SignatureError):
        provider_with(SECRET).verify(late, LINK)


@pytest.mark.parametrize("header", ["x-zendesk-webhook-signature", "x-zendesk-webhook-signature-timestamp"])
def test_a_missing_header_is_refused_before_any_secret_is_fetched(header):
    def fetch(_link: Link) -> tuple[str, ...]:
        pytest.fail("a stranger made the service call Zendesk")

    with pytest.raises(SignatureError):
        Zendesk(SigningSecrets(fetch)).verify(signed(VECTOR_BODY, **{header: ""}), LINK)


@pytest.mark.parametrize("value", ["é", "\ud800", "x" * 9_000])
def test_a_signature_of_strange_characters_is_refused(value):
    with pytest.raises(SignatureError):
        provider_with(SECRET).verify(signed(VECTOR_BODY, **{"x-zendesk-webhook-signature": value}), LINK)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("created", EventKind.TICKET_CREATED),
        ("comment_added", EventKind.TICKET_CHANGED),
        ("merged", EventKind.TICKET_CHANGED),
        ("undeleted", EventKind.TICKET_CHANGED),
        ("something_new", EventKind.TICKET_CHANGED),
        ("soft_deleted", EventKind.TICKET_DELETED),
        ("permanently_deleted", EventKind.TICKET_DELETED),
    ],
)
def test_an_event_says_what_happened_to_which_ticket(name, kind):
    found = read(event(type=f"zen:event-type:ticket.{name}"))
    assert (found.kind, found.ticket_id) == (kind, "35436")


def test_an_id_may_be_a_number():
    assert read(event(detail={"id": 35436})).ticket_id == "35436"


@pytest.mark.parametrize(
    "detail", [None, {}, {"id": None}, {"id": True}, {"id": "35436/x"}, {"id": "9" * 40}]
)
def test_an_event_that_names_no_ticket_is_refused(detail):
    with pytest.raises(PayloadError):
        read(event(detail=detail))


def test_what_is_of_no_ticket_is_ignored_with_its_name():
    found = read(event(type="zen:event-type:user.created\n" + "x" * 100))
    assert found.kind is EventKind.IGNORED
    assert found.reason == f"the event zen:event-type:user.created{'x' * 13} is of no ticket"


def test_a_body_of_the_customers_own_is_ignored():
    assert read({"ticket_id": "35436"}).kind is EventKind.IGNORED


def test_the_same_message_has_the_same_key_and_any_other_another_one():
    message = event()
    assert read(message).dedupe_key == read(message).dedupe_key
    assert read(message).dedupe_key != read(event(detail={"id": "35436", "status": "SOLVED"})).dedupe_key


def test_an_id_that_could_not_be_stored_is_left_out_of_the_key():
    assert len(read(event(id="\x00" * 10)).dedupe_key) == 64
