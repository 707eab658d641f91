"""Incoming Standard Webhooks."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.errors import PayloadError, ProviderError, SignatureError
from integrations.ports import EventKind, Link, WebhookRequest
from integrations.registry import provider
from integrations.standard.signature import secret_key, sign

STANDARD = provider("standard")
# The vector published with the specification's libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_" + "QUJD" * 8
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = "1614265330"
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
SENT_AT = datetime.fromtimestamp(int(TIMESTAMP), UTC)


def link(*secrets: str) -> Link:
    return Link("c", "https://tool.example.com/in", {}, secrets or (SECRET,))


def request(body: bytes = BODY, received_at: datetime = SENT_AT, **replaced: str) -> WebhookRequest:
    headers = {"webhook-id": ID, "webhook-timestamp": TIMESTAMP, "webhook-signature": SIGNATURE}
    headers |= {f"webhook-{name}": value for name, value in replaced.items()}
    return WebhookRequest(body, headers, received_at)


def test_the_published_vector_verifies():
    STANDARD.verify(request(), link())


def test_signing_gives_the_published_signature():
    assert sign(secret_key(SECRET), ID, TIMESTAMP, BODY) == SIGNATURE


@pytest.mark.parametrize(
    "header",
    [
        f"v1,AAAA {SIGNATURE}",
        f"{SIGNATURE} v1a,zzzz",
        f"v2,x v1 , v1,,, {SIGNATURE} v1,!!!",
        f"nonsense {SIGNATURE}",
        f"v1,\xff\xfe {SIGNATURE}",
    ],
)
def test_one_good_signature_among_malformed_ones_is_enough(header):
    STANDARD.verify(request(signature=header), link())


@pytest.mark.parametrize(
    "header",
    [
        "",
        "v1,",
        "v1",
        ",",
        " ",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA=",
        SIGNATURE.rstrip("="),
        SIGNATURE.removeprefix("v1,"),
        SIGNATURE.replace("v1,", "v1a,"),
        SIGNATURE.replace(",", ",,"),
        SIGNATURE.lower(),
        "v1,\udce9",
        "v1,x " * 20 + SIGNATURE,
    ],
)
def test_a_wrong_or_malformed_signature_is_refused(header):
    with pytest.raises(SignatureError):
        STANDARD.verify(request(signature=header), link())


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(name):
    headers = {n: v for n, v in request().headers.items() if n != name}
    with pytest.raises(SignatureError, match=name):
        STANDARD.verify(WebhookRequest(BODY, headers, SENT_AT), link())


@pytest.mark.parametrize(
    "timestamp",
    [
        "1614265330.0",
        "1614265330e0",
        "1.61426533e9",
        "+1614265330",
        " 1614265330",
        "01614265330",
        "-1",
        "nan",
    ],
)
def test_a_timestamp_that_is_not_plain_whole_seconds_is_refused_even_if_signed(timestamp):
    signature = sign(secret_key(SECRET), ID, timestamp, BODY)
    with pytest.raises(SignatureError, match="whole seconds"):
        STANDARD.verify(request(timestamp=timestamp, signature=signature), link())


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_message_within_five_minutes_either_way_is_taken(seconds):
    STANDARD.verify(request(received_at=SENT_AT + timedelta(seconds=seconds)), link())


@pytest.mark.parametrize("seconds", [-301, 301, 86_400 * 365 * 500])
def test_a_message_outside_five_minutes_either_way_is_refused(seconds):
    with pytest.raises(SignatureError, match="300 seconds"):
        STANDARD.verify(request(received_at=SENT_AT + timedelta(seconds=seconds)), link())


@pytest.mark.parametrize("message_id", ["x" * 257, "a b", "a\x00b", "é", "a\n"])
def test_an_unfit_id_is_refused_even_if_signed(message_id):
    signature = sign(secret_key(SECRET), message_id, TIMESTAMP, BODY)
    with pytest.raises(SignatureError, match="webhook-id"):
        STANDARD.verify(request(id=message_id, signature=signature), link())


@pytest.mark.parametrize("body", [BODY + b" ", BODY.replace(b" ", b""), b'{"test": 2432232315}'])
def test_a_body_that_was_changed_or_written_anew_is_refused(body):
    with pytest.raises(SignatureError):
        STANDARD.verify(request(body), link())


def test_an_older_secret_still_verifies_during_a_rotation():
    STANDARD.verify(request(), link(OTHER_SECRET, SECRET))


@pytest.mark.parametrize("secrets", [(OTHER_SECRET,), ("whsec_broken",)])
def test_a_wrong_secret_is_refused(secrets):
    with pytest.raises(SignatureError):
        STANDARD.verify(request(), link(*secrets))


def test_a_link_without_secrets_verifies_nothing():
    with pytest.raises(SignatureError):
        STANDARD.verify(request(), Link("c", "https://tool.example.com", {}))


def test_a_command_is_read_with_its_id_as_the_key():
    body = json.dumps({"type": "session.start", "data": {"ticket_id": 7, "kind": "adhoc"}}).encode()
    [event] = STANDARD.parse(request(body))
    assert event.kind is EventKind.COMMAND
    assert event.dedupe_key == ID
    assert event.ticket_id == "7"
    assert event.command == {"type": "session.start", "data": {"ticket_id": 7, "kind": "adhoc"}}


@pytest.mark.parametrize("ticket_id", [None, True, 1.5, [], "", "x" * 101])
def test_an_odd_ticket_id_is_left_to_the_command(ticket_id):
    body = json.dumps({"type": "notes.save", "data": {"ticket_id": ticket_id}}).encode()
    assert STANDARD.parse(request(body))[0].ticket_id is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"type": "x"}',
        b'{"type": 1, "data": {}}',
        b'{"type": "", "data": {}}',
        b'{"type": "a\\u0000b", "data": {}}',
        b'{"type": "x", "data": []}',
        b'{"type": "x", "data": {"text": "\\u0000"}}',
        b'{"type": "x", "data": {"text": "\\ud800"}}',
        b'{"type": "x", "data": {"n": 1e999}}',
        b'{"type": "x", "data": {"n": NaN}}',
        b'{"type": "x", "data": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_body_that_is_no_command_is_a_payload_error(body):
    with pytest.raises(PayloadError):
        STANDARD.parse(request(body))


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "plain", "whsec_!!!", "whsec_QUJD", "whsec_" + "QUJD" * 30, "whsec_é"]
)
def test_an_unusable_secret_is_named_in_one_plain_sentence(secret):
    with pytest.raises(ValueError, match="webhook secret") as refusal:
        STANDARD.check_link(link(secret))
    assert not secret.removeprefix("whsec_") or secret not in str(refusal.value)


def test_a_link_without_a_secret_is_named():
    with pytest.raises(ValueError, match="needs a webhook secret"):
        STANDARD.check_link(Link("c", "https://tool.example.com", {}))


def test_a_good_link_is_accepted():
    STANDARD.check_link(link(SECRET, OTHER_SECRET))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=100), st.text(max_size=60), st.text(max_size=30), st.text(max_size=60))
def test_any_request_is_refused_by_our_own_errors(body, message_id, timestamp, signature):
    given_request = request(body, id=message_id, timestamp=timestamp, signature=signature)
    for step in (lambda: STANDARD.verify(given_request, link()), lambda: STANDARD.parse(given_request)):
        with pytest.raises(ProviderError):
            step()
