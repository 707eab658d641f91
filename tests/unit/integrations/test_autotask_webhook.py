"""Autotask callouts, without a network."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.autotask import Autotask
from integrations.autotask.webhook import signature_of
from integrations.errors import PayloadError, ProviderError, SignatureError, UnsignedNoticeError
from integrations.ports import Event, EventKind, Link, WebhookRequest

SECRET = "s3cret-key"
NOW = datetime(2026, 6, 2, tzinfo=UTC)
VECTOR_BODY = rb'{"Action":"Update","Id":7,"Fields":{"title":"caf\u00E9 \u0026 bar"}}'
VECTOR = "sha1=6bit86IKl/MjwaLfVKG8oCHaP30="
CREDENTIALS = {"integration_code": "code", "username": "api@acme.example", "secret": "pw"}
LINK = Link("c1", "https://webservices.autotask.net", CREDENTIALS, (SECRET,))
OWN = "29682901"

PROVIDER = Autotask()


def callout(**changes: Any) -> dict[str, Any]:
    return {
        "Action": "Update",
        "Guid": "9f0c1c1e-0f3b-4b0e-9a57-1f6c2d9f6e10",
        "EntityType": "Ticket",
        "Id": 120345,
        "Fields": {"status": 8, "title": "café"},
        "EventTime": "2026-09-15T14:57:50Z",
        "SequenceNumber": 4711,
        "PersonID": 29682885,
        **changes,
    }


def request(body: bytes | dict[str, Any], header: str | None = None, appended: str = "") -> WebhookRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {} if header is None else {"x-hook-signature": header}
    return WebhookRequest(raw, headers, NOW, appended)


def signed(body: bytes | dict[str, Any], key: str = SECRET, appended: str = "") -> WebhookRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return request(raw, signature_of(raw, key.encode()), appended)


def parse(body: dict[str, Any], appended: str = "") -> Event:
    [event] = PROVIDER.parse(request(body, appended=appended))
    return event


def test_the_signature_vector_is_reproduced_and_verifies():
    assert len(VECTOR_BODY) == 68
    assert signature_of(VECTOR_BODY, SECRET.encode()) == VECTOR
    PROVIDER.verify(request(VECTOR_BODY, VECTOR), LINK)


def test_another_secret_is_refused():
    with pytest.raises(SignatureError):
        PROVIDER.verify(signed(VECTOR_BODY, "another"), LINK)


def test_a_connection_without_a_secret_lets_nothing_in():
    bare = Link("c1", LINK.base_url, CREDENTIALS)
    empty = Link("c1", LINK.base_url, CREDENTIALS, ("",))
    for link, key in ((bare, SECRET), (empty, "")):
        with pytest.raises(SignatureError):
            PROVIDER.verify(signed(VECTOR_BODY, key), link)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw + b" ",
        lambda raw: raw.replace(b"Update", b"Delete"),
        lambda raw: json.dumps(json.loads(raw), ensure_ascii=False).encode(),
        lambda raw: json.dumps(json.loads(raw), separators=(",", ":")).encode(),
    ],
)
def test_a_changed_or_rewritten_body_is_refused(spoil):
    with pytest.raises(SignatureError):
        PROVIDER.verify(request(spoil(VECTOR_BODY), VECTOR), LINK)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "sha1=",
        VECTOR.removeprefix("sha1="),
        VECTOR.rstrip("="),
        VECTOR.lower(),
        "sha1=" + hmac.new(SECRET.encode(), VECTOR_BODY, hashlib.sha1).hexdigest(),
        "sha256=" + base64.b64encode(hmac.digest(SECRET.encode(), VECTOR_BODY, "sha256")).decode(),
        "é",
        "\udce9",
    ],
)
def test_a_signature_in_another_form_is_refused(header):
    with pytest.raises(SignatureError):
        PROVIDER.verify(request(VECTOR_BODY, header), LINK)


def test_a_missing_header_is_refused_and_named():
    with pytest.raises(SignatureError, match="x-hook-signature is missing"):
        PROVIDER.verify(request(VECTOR_BODY), LINK)


def test_old_and_new_secret_are_both_valid_while_it_is_changed():
    link = Link("c1", LINK.base_url, CREDENTIALS, ("new-secret", SECRET))
    PROVIDER.verify(signed(VECTOR_BODY, "new-secret"), link)
    PROVIDER.verify(signed(VECTOR_BODY), link)
    with pytest.raises(SignatureError):
        PROVIDER.verify(signed(VECTOR_BODY, "older"), link)


@pytest.mark.parametrize("header", [None, "sha1=AAAA", VECTOR])
@pytest.mark.parametrize("action", ["Deactivated", "deactivated"])
def test_an_unsigned_deactivation_is_a_notice_and_no_more(header, action):
    with pytest.raises(UnsignedNoticeError):
        PROVIDER.verify(request(callout(Action=action), header), LINK)


def test_any_other_unsigned_message_is_no_notice():
    for body in (callout(), b"not json", b"[]", b'{"Action": 5}', b'{"a":' * 50_000):
        with pytest.raises(SignatureError) as refusal:
            PROVIDER.verify(request(body), LINK)
        assert type(refusal.value) is SignatureError


def test_a_signed_deactivation_is_ignored_with_what_to_do():
    body = {"action": "Deactivated"}
    PROVIDER.verify(signed(body), LINK)
    event = parse(body)
    assert event.kind is EventKind.IGNORED
    assert event.reason == "a webhook was switched off: register the webhooks again"


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("Create", EventKind.TICKET_CREATED),
        ("Update", EventKind.TICKET_CHANGED),
        ("Delete", EventKind.TICKET_DELETED),
        ("update", EventKind.TICKET_CHANGED),
    ],
)
def test_an_action_on_a_ticket_becomes_an_event(action, kind):
    event = parse(callout(Action=action))
    assert (event.kind, event.ticket_id, event.body) == (kind, "120345", None)


def test_the_case_of_names_does_not_matter():
    event = parse({name.upper(): value for name, value in callout().items()})
    assert (event.kind, event.ticket_id) == (EventKind.TICKET_CHANGED, "120345")


def test_a_deleted_ticket_has_no_fields():
    body = callout(Action="Delete")
    del body["Fields"]
    assert parse(body).kind is EventKind.TICKET_DELETED


@pytest.mark.parametrize("action", ["Create", "Update", "Delete"])
@pytest.mark.parametrize("name", ["ticketID", "TicketId", "ticketid"])
@pytest.mark.parametrize("value", [120345, "120345"])
def test_a_note_changes_the_ticket_it_names(action, name, value):
    event = parse(callout(Action=action, EntityType="TicketNote", Id=77, Fields={name: value}))
    assert (event.kind, event.ticket_id) == (EventKind.TICKET_CHANGED, "120345")


@pytest.mark.parametrize("fields", [None, {}, [], {"ticketID": "VPN down"}, {"ticketID": 0}, {"title": "x"}])
def test_a_note_that_names_no_ticket_is_ignored_with_what_to_do(fields):
    event = parse(callout(EntityType="TicketNote", Fields=fields))
    assert (event.kind, event.ticket_id) == (EventKind.IGNORED, None)
    assert event.reason is not None
    assert "register the webhooks again; the reconcile finds the note" in event.reason


def test_a_deleted_note_that_names_no_ticket_is_no_reason_to_register_anew():
    event = parse(callout(Action="Delete", EntityType="TicketNote"))
    assert (event.kind, event.ticket_id) == (EventKind.IGNORED, None)
    assert (
        event.reason
        == "the callout of a deleted note names no ticket; the next look at the ticket notices it"
    )


@pytest.mark.parametrize("entity", ["Account", "Contact", "InstalledProduct"])
def test_another_record_is_ignored_with_the_reason(entity):
    event = parse(callout(EntityType=entity))
    reason = f"the record is a {entity.lower()}, not a ticket or note"
    assert (event.kind, event.reason) == (EventKind.IGNORED, reason)


def test_an_unknown_action_is_ignored_with_a_short_reason():
    event = parse(callout(Action="Merged\x00" + "x" * 500))
    assert event.kind is EventKind.IGNORED
    assert event.reason is not None
    assert "\x00" not in event.reason
    assert len(event.reason) < 100


@pytest.mark.parametrize("name", ["PersonID", "PersonId", "personid"])
@pytest.mark.parametrize("entity", ["Ticket", "TicketNote"])
def test_an_own_change_is_ignored(name, entity):
    body = callout(EntityType=entity, Fields={"ticketID": 120345})
    del body["PersonID"]
    event = parse({**body, name: int(OWN)}, appended=OWN)
    assert (event.kind, event.reason) == (EventKind.IGNORED, "the change is this service's own")


@pytest.mark.parametrize("appended", ["", "29682902", "jdoe"])
def test_a_change_by_somebody_else_is_not_ignored(appended):
    assert parse(callout(PersonID=int(OWN)), appended=appended).kind is EventKind.TICKET_CHANGED


def test_a_true_callout_is_not_taken_for_the_repeat_of_one_sent_to_a_forged_address():
    body = callout(PersonID=int(OWN))
    assert parse(body, appended=OWN).dedupe_key != parse(body).dedupe_key


def test_the_own_resource_id_travels_in_the_webhooks_address():
    link = Link("c1", LINK.base_url, {**CREDENTIALS, "api_resource_id": OWN}, (SECRET,))
    once = PROVIDER.webhook_url("https://tw.example.com/webhooks/autotask/c1", link)
    assert once == f"https://tw.example.com/webhooks/autotask/c1/{OWN}"
    assert PROVIDER.webhook_url(once, link) == once
    assert PROVIDER.webhook_url("https://tw.example.com/c1", LINK) == "https://tw.example.com/c1"


def test_the_same_message_has_the_same_key_and_another_one_another():
    first = parse(callout()).dedupe_key
    assert parse(callout()).dedupe_key == first
    others: list[dict[str, Any]] = [
        {"Guid": "another"},
        {"SequenceNumber": 4712},
        {"EntityType": "TicketNote"},
        {"Id": 120346},
        {"Action": "Create"},
        {"EventTime": "2026-09-15T14:57:51Z"},
        {"Fields": {}},
    ]
    assert first not in {parse(callout(**other)).dedupe_key for other in others}
    assert first.startswith("9f0c1c1e-0f3b-4b0e-9a57-1f6c2d9f6e10:4711:")


@pytest.mark.parametrize(
    "changes",
    [
        {"Guid": None, "SequenceNumber": None},
        {"Guid": "a\x00b", "SequenceNumber": "1"},
        {"Guid": "x" * 5000, "SequenceNumber": 2**80},
        {"Guid": ["x"], "SequenceNumber": True},
    ],
)
def test_an_unfit_guid_or_number_stays_out_of_the_key(changes):
    key = parse(callout(**changes)).dedupe_key
    assert len(key) == 64
    assert key.isalnum()


@pytest.mark.parametrize(
    "changes",
    [
        {"Id": None},
        {"Id": "VPN"},
        {"Id": True},
        {"Id": 0},
        {"Id": -1},
        {"Id": 1.0},
        {"Id": 2**63},
        {"Action": None},
        {"Action": 5},
        {"EntityType": None},
        {"EntityType": ["Ticket"]},
    ],
)
def test_a_callout_of_another_shape_is_a_payload_error(changes):
    with pytest.raises(PayloadError):
        parse(callout(**changes))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b"\xff\xfe", b'{"a":' * 50_000])
def test_a_body_that_is_not_a_json_object_is_a_payload_error(body):
    with pytest.raises(PayloadError):
        PROVIDER.parse(request(body))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(["Action", "Guid", "EntityType", "Id", "Fields", "SequenceNumber", "PersonID"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
            ),
            max_leaves=5,
        ),
    )
)
def test_any_object_is_read_or_refused_by_our_own_errors(changes):
    body = signed(callout(**changes), appended=OWN)
    for step in (lambda: PROVIDER.verify(body, LINK), lambda: PROVIDER.parse(body)):
        try:
            step()
        except ProviderError as error:
            assert len(str(error)) < 120  # noqa: PT017 (either outcome is right; the text must be short)


@pytest.mark.parametrize(
    ("base_url", "changes", "secrets", "sentence"),
    [
        ("http://webservices2.autotask.net", {}, (SECRET,), "https"),
        ("https://webservices2.autotask.net/atservicesrest/v1.0", {}, (SECRET,), "without more"),
        ("https://10.0.0.5", {}, (SECRET,), "private"),
        (LINK.base_url, {"username": ""}, (SECRET,), "needs the credential username"),
        (LINK.base_url, {"api_resource": "7"}, (SECRET,), "knows no credential api_resource"),
        (LINK.base_url, {"api_resource_id": "me"}, (SECRET,), "positive whole number"),
        (LINK.base_url, {"time_role_id": "0"}, (SECRET,), "positive whole number"),
        (LINK.base_url, {"secret": "a\nb"}, (SECRET,), "no header may carry"),
        (LINK.base_url, {}, (), "a webhook secret is needed"),
        (LINK.base_url, {}, ("x" * 65,), "at most 64"),
    ],
)
def test_a_link_that_cannot_work_is_named_in_one_sentence(base_url, changes, secrets, sentence):
    link = Link("c1", base_url, {**CREDENTIALS, **changes}, secrets)
    with pytest.raises(ValueError, match=sentence):
        PROVIDER.check_link(link)


@pytest.mark.parametrize(
    "base_url",
    [
        "https://webservices.autotask.net",
        "https://webservices2.autotask.net/",
        "https://webservices2.autotask.net/ATServicesRest/",
    ],
)
def test_a_good_link_is_accepted(base_url):
    optional = {"api_resource_id": OWN, "time_role_id": "29683466"}
    PROVIDER.check_link(Link("c1", base_url, {**CREDENTIALS, **optional}, ("x" * 64,)))


def test_one_connection_takes_a_quarter_of_the_tenants_quota():
    assert (PROVIDER.calls_per_hour, PROVIDER.calls_at_once) == (2_500, 3)
