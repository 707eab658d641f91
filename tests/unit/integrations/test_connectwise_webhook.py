"""ConnectWise callbacks, without a network: the key is given by a stub in place of ConnectWise."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.connectwise import ConnectWise
from integrations.connectwise.keys import SigningKeys, hmac_key
from integrations.connectwise.webhook import signature_of
from integrations.errors import KeyUnavailableError, PayloadError, ProviderError, SignatureError
from integrations.ports import EventKind, Link, WebhookRequest

SIGNING_KEY = "s3cret-key"
KEY_URL = "https://na.myconnectwise.net/v2025_1//system/callbackkey/index.rails?companyName=acmemsp&id=1f"
LINK = Link(
    "c1",
    "https://api-na.myconnectwise.net",
    {"company": "acmemsp", "public_key": "pubkey", "private_key": "privkey", "client_id": "cid"},
)
NOW = datetime(2026, 6, 2, tzinfo=UTC)
PUBLISHED_BODY = rb'{"Action":"Update","Id":7,"Fields":{"title":"caf\u00E9 \u0026 bar"}}'


def callback(**changes: Any) -> dict[str, Any]:
    return {
        "MessageId": "5b1e0c54-0f3b-4b0e-9a57-1f6c2d9f6e10",
        "CompanyId": "acmemsp",
        "MemberId": "jdoe",
        "Action": "updated",
        "Type": "ticket",
        "ID": 48213,
        "Entity": '{"id": 48213, "summary": "caf\\u00e9"}',
        "Metadata": {"key_url": KEY_URL},
        **changes,
    }


def signed(body: bytes | dict[str, Any], key: str = SIGNING_KEY) -> WebhookRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WebhookRequest(raw, {"x-content-signature": signature_of(raw, hmac_key(key))}, NOW)


def provider_with(key: str = SIGNING_KEY, fetched: list[str] | None = None) -> ConnectWise:
    def fetch(key_url: str, _allow_private: bool) -> str:
        if fetched is not None:
            fetched.append(key_url)
        return key

    return ConnectWise(SigningKeys(fetch))


def test_the_signature_vector_is_reproduced():
    assert len(PUBLISHED_BODY) == 68
    assert (
        signature_of(PUBLISHED_BODY, hmac_key("s3cret-key")) == "pbeeeJLsBj7U38vGCJ/gtCXt3LJst5YMaPT4jXzFqvk="
    )


def test_the_vectors_body_written_anew_has_another_signature():
    anew = json.dumps(json.loads(PUBLISHED_BODY), ensure_ascii=False).encode()
    assert signature_of(anew, hmac_key("s3cret-key")) != "pbeeeJLsBj7U38vGCJ/gtCXt3LJst5YMaPT4jXzFqvk="


def test_a_signed_callback_verifies():
    provider_with().verify(signed(callback()), LINK)


def test_the_names_case_does_not_matter():
    body = callback()
    body["metadata"] = {"KEY_URL": body.pop("Metadata")["key_url"]}
    provider_with().verify(signed(body), LINK)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw + b" ",
        lambda raw: raw.replace(b"updated", b"deleted"),
        lambda raw: json.dumps(json.loads(raw), ensure_ascii=False, indent=1).encode(),
    ],
)
def test_a_changed_or_rewritten_body_is_refused(spoil):
    request = signed(callback())
    spoilt = WebhookRequest(spoil(request.body), request.headers, NOW)
    with pytest.raises(SignatureError):
        provider_with().verify(spoilt, LINK)


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.rstrip("="),
        lambda text: text.lower(),
        lambda text: __import__("base64").b64decode(text).hex(),
        lambda _text: "sha256=",
        lambda _text: "é",
        lambda _text: "\udce9",
    ],
)
def test_a_signature_in_another_encoding_is_refused(encode):
    request = signed(callback())
    header = {"x-content-signature": encode(request.headers["x-content-signature"])}
    with pytest.raises(SignatureError):
        provider_with().verify(WebhookRequest(request.body, header, NOW), LINK)


def test_a_key_used_as_it_is_instead_of_its_digest_is_refused():
    raw = json.dumps(callback()).encode()
    header = {"x-content-signature": signature_of(raw, SIGNING_KEY.encode())}
    with pytest.raises(SignatureError):
        provider_with().verify(WebhookRequest(raw, header, NOW), LINK)


def test_another_key_is_refused():
    with pytest.raises(SignatureError):
        provider_with("another key").verify(signed(callback()), LINK)


def test_a_missing_header_is_refused_without_asking_for_a_key():
    fetched: list[str] = []
    with pytest.raises(SignatureError, match="missing"):
        provider_with(fetched=fetched).verify(WebhookRequest(signed(callback()).body, {}, NOW), LINK)
    assert fetched == []


@pytest.mark.parametrize("company", ["other", "", None, 5, ["acmemsp"]])
def test_a_callback_of_another_company_is_refused_without_asking_for_a_key(company):
    fetched: list[str] = []
    with pytest.raises(SignatureError, match="CompanyId"):
        provider_with(fetched=fetched).verify(signed(callback(CompanyId=company)), LINK)
    assert fetched == []


@pytest.mark.parametrize(
    "key_url",
    [
        "http://na.myconnectwise.net/k?companyName=acmemsp",
        "https://evil.example/k?companyName=acmemsp",
        "https://myconnectwise.net.evil.example/k?companyName=acmemsp",
        "https://evilmyconnectwise.net/k?companyName=acmemsp",
        "https://na.myconnectwise.net@evil.example/k?companyName=acmemsp",
        "https://na.myconnectwise.net:8443/k?companyName=acmemsp",
        "https://na.myconnectwise.net\\.evil.example/k?companyName=acmemsp",
        "https://169.254.169.254/k?companyName=acmemsp",
        "https://localhost/k?companyName=acmemsp",
        "https://na.myconnectwise.net/k?companyName=attacker",
        "https://na.myconnectwise.net/k?companyName=acmemsp&companyName=attacker",
        "https://na.myconnectwise.net/k?companyName=acmemsp&COMPANYNAME=attacker",
        "https://na.myconnectwise.net/k",
        "https://na.myconnectwise.net/callbackkey/../anything?companyName=acmemsp",
        "https://na.myconnectwise.net/callbackkey/%2e%2E/anything?companyName=acmemsp",
        "https://na.myconnectwise.net/callbackkey%2f..%2fanything?companyName=acmemsp",
        "https://na.myconnectwise.net/" + "k" * 3000,
        "",
        None,
        7,
    ],
)
def test_a_key_url_that_is_not_the_companys_own_is_never_fetched(key_url):
    fetched: list[str] = []
    with pytest.raises(SignatureError, match="key_url"):
        provider_with(fetched=fetched).verify(signed(callback(Metadata={"key_url": key_url})), LINK)
    assert fetched == []


@pytest.mark.parametrize("metadata", [None, [], "x", {}])
def test_a_callback_without_a_key_url_is_refused(metadata):
    with pytest.raises(SignatureError, match="key_url"):
        provider_with().verify(signed(callback(Metadata=metadata)), LINK)


def test_a_key_url_on_the_connections_own_host_is_fetched():
    link = Link("c1", "https://psa.acme.example", dict(LINK.credentials))
    fetched: list[str] = []
    own = "https://psa.acme.example/v4_6_release/system/callbackkey?id=1"
    provider_with(fetched=fetched).verify(signed(callback(Metadata={"key_url": own})), link)
    assert fetched == [own]


def test_a_key_that_cannot_be_fetched_is_not_a_wrong_signature():
    def fail(_url: str, _allow: bool) -> str:
        raise KeyUnavailableError("no answer")

    with pytest.raises(KeyUnavailableError):
        ConnectWise(SigningKeys(fail)).verify(signed(callback()), LINK)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"CompanyId": "acm', b"[]", b"1", b"\xff\xfe", b'{"a":' * 50_000, b"{" + b"9" * 9000],
)
def test_a_body_that_is_not_a_json_object_is_a_payload_error_before_anything_else(body):
    with pytest.raises(PayloadError):
        provider_with().verify(signed(body), LINK)


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("added", EventKind.TICKET_CREATED),
        ("updated", EventKind.TICKET_CHANGED),
        ("deleted", EventKind.TICKET_DELETED),
        ("Updated", EventKind.TICKET_CHANGED),
    ],
)
def test_an_action_on_a_ticket_becomes_an_event(action, kind):
    [event] = provider_with().parse(signed(callback(Action=action)))
    assert (event.kind, event.ticket_id) == (kind, "48213")


def test_a_deleted_ticket_has_no_entity():
    [event] = provider_with().parse(signed(callback(Action="deleted", Entity=None)))
    assert event.kind is EventKind.TICKET_DELETED


def test_another_record_is_ignored_with_the_reason():
    [event] = provider_with().parse(signed(callback(Type="company")))
    assert (event.kind, event.reason) == (EventKind.IGNORED, "the record is a company, not a ticket")


def test_an_unknown_action_is_ignored_with_the_reason():
    [event] = provider_with().parse(signed(callback(Action="merged\x00" + "x" * 500)))
    assert event.kind is EventKind.IGNORED
    assert event.reason is not None
    assert "\x00" not in event.reason
    assert len(event.reason) < 100


def test_the_same_body_has_the_same_key_and_another_body_another():
    parse = provider_with().parse
    first = parse(signed(callback()))[0].dedupe_key
    assert parse(signed(callback()))[0].dedupe_key == first
    assert parse(signed(callback(MemberId="asmith")))[0].dedupe_key != first
    assert first.startswith("5b1e0c54-0f3b-4b0e-9a57-1f6c2d9f6e10:")


@pytest.mark.parametrize("message_id", [None, 5, "", "a\x00b", "\ud800", "x" * 5000, "a b"])
def test_an_unfit_message_id_stays_out_of_the_key(message_id):
    key = provider_with().parse(signed(callback(MessageId=message_id)))[0].dedupe_key
    assert len(key) == 64
    assert key.isalnum()


@pytest.mark.parametrize(
    "changes",
    [
        {"Entity": "not json"},
        {"Entity": '{"id": '},
        {"Entity": "[1]"},
        {"Entity": 5},
        {"Entity": "[" * 50_000},
        {"ID": "48213"},
        {"ID": True},
        {"ID": 0},
        {"ID": -1},
        {"ID": 1.0},
        {"ID": 2**63},
        {"ID": None},
        {"Type": None},
        {"Type": 5},
        {"Action": None},
    ],
)
def test_a_callback_of_another_shape_is_a_payload_error(changes):
    with pytest.raises(PayloadError):
        provider_with().parse(signed(callback(**changes)))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(["MessageId", "CompanyId", "Action", "Type", "ID", "Entity", "Metadata"]),
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
    provider, request = provider_with(), signed(callback(**changes))
    for step in (lambda: provider.verify(request, LINK), lambda: provider.parse(request)):
        try:
            step()
        except ProviderError as error:
            assert len(str(error)) < 120  # noqa: PT017 (either outcome is right; the text must be short)


@pytest.mark.parametrize(
    ("base_url", "changes", "sentence"),
    [
        ("http://psa.example.com", {}, "https"),
        ("https://psa.example.com/v4_6_release/apis/3.0", {}, "site alone"),
        ("https://10.0.0.5", {}, "private"),
        ("https://psa.example.com", {"company": ""}, "needs the credential company"),
        ("https://psa.example.com", {"api_membr": "x"}, "knows no credential api_membr"),
        ("https://psa.example.com", {"private_key": "a\nb"}, "no header may carry"),
    ],
)
def test_a_link_that_cannot_work_is_named_in_one_sentence(base_url, changes, sentence):
    link = Link("c1", base_url, {**LINK.credentials, **changes})
    with pytest.raises(ValueError, match=sentence):
        ConnectWise().check_link(link)


def test_a_good_link_is_accepted():
    ConnectWise().check_link(Link("c1", LINK.base_url, {**LINK.credentials, "api_member": "ticketwalk"}))


@pytest.mark.parametrize(
    "key_url",
    [
        "https://na.myconnectwise.net/v4/system/callbackkey/index.rails?companyName=acmemsp&id=1",
        "https://staging.connectwisedev.com/callbackkey/index.rails?companyName=acmemsp",
        "https://psa.acme.example:8443/callbackkey/index.rails?companyName=acmemsp",
        "https://psa.acme.example/uploads/key.json?companyName=acmemsp",
    ],
)
def test_a_key_from_elsewhere_than_an_on_premises_connections_own_place_is_never_fetched(key_url):
    link = Link("c1", "https://psa.acme.example", dict(LINK.credentials))
    fetched: list[str] = []
    with pytest.raises(SignatureError, match="key_url"):
        provider_with(fetched=fetched).verify(signed(callback(Metadata={"key_url": key_url})), link)
    assert fetched == []
