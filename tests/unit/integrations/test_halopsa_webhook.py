"""HaloPSA's webhooks: who is let in, and what a body without a schema means."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import PayloadError, ProviderError, SignatureError
from integrations.halopsa import HaloPsa
from integrations.halopsa.webhook import MAX_EVENTS, path_word
from integrations.ports import EventKind, Link, Provider, WebhookRequest

SECRET = "ticketwalk:correct-horse-battery"
OLD_SECRET = "ticketwalk:previous-horse-battery"
#: Computed once from the rule in the docstring of path_word, apart from it.
WORD = "-X0FS3Lg2t2X0dCx7zMRRVVaENMUk_GIgAaWsjpCbCs"
NOW = datetime(2026, 8, 11, tzinfo=UTC)
GUID = "0d6a2f5e-8a1c-4c52-9a57-2b1de1b0a001"


def link(*secrets: str) -> Link:
    credentials = {"client_id": "id", "client_secret": "secret"}
    return Link("c1", "https://acme.halopsa.com", credentials, secrets or (SECRET,))


def basic(credentials: str | bytes) -> str:
    raw = credentials if isinstance(credentials, bytes) else credentials.encode()
    return f"Basic {base64.b64encode(raw).decode()}"


def delivered(
    body: Any = None, *, authorization: str | None = basic(SECRET), appended: str | None = None
) -> WebhookRequest:
    raw = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
    headers = {} if authorization is None else {"authorization": authorization}
    word = path_word(SECRET, "c1") if appended is None else appended
    return WebhookRequest(raw, headers, NOW, word)


def verify(request: WebhookRequest, *secrets: str) -> None:
    HaloPsa().verify(request, link(*secrets))


def parse(body: Any):
    return HaloPsa().parse(delivered(body))


def parse_one(body: Any):
    [event] = parse(body)
    return event


def test_the_provider_offers_what_the_port_asks_for():
    provider: Provider = HaloPsa()
    assert provider.needs_webhook_secret
    assert provider.unavailable_status == 503


def test_the_path_word_is_the_hmac_of_the_connection_in_base64url():
    assert path_word(SECRET, "c1") == WORD
    assert len(WORD) == 43


def test_the_right_credentials_at_the_right_address_verify():
    verify(delivered())


@pytest.mark.parametrize("scheme", ["basic", "BASIC"])
def test_the_schemes_case_does_not_matter(scheme):
    verify(delivered(authorization=basic(SECRET).replace("Basic", scheme)))


def test_slashes_around_the_path_word_do_not_matter():
    verify(delivered(appended=f"/{WORD}/"))


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic not base64!",
        "Basic \u00e9",
        basic(b"\xff\xfe"),
        basic(""),
        basic(":"),
        basic("ticketwalk:wrong-horse-battery"),
        basic("stranger:correct-horse-battery"),
        basic("ticketwalk:correct-horse-batter"),
        basic(SECRET + "y"),
        basic("correct-horse-battery"),
        "Bearer " + WORD,
        basic(SECRET).replace("Basic", "Digest"),
    ],
)
def test_wrong_or_missing_credentials_are_refused(authorization):
    with pytest.raises(SignatureError):
        verify(delivered(authorization=authorization))


@pytest.mark.parametrize(
    "word", ["", "/", "x", WORD[:-1], WORD + "A", WORD.swapcase(), f"{WORD}/{WORD}", "\ud800"]
)
def test_a_wrong_or_missing_path_word_is_refused(word):
    with pytest.raises(SignatureError):
        verify(delivered(appended=word))


def test_the_path_word_of_another_connection_is_refused():
    with pytest.raises(SignatureError):
        verify(delivered(appended=path_word(SECRET, "c2")))


def test_a_connection_without_a_secret_lets_nobody_in():
    bare = Link("c1", "https://acme.halopsa.com", {}, ())
    with pytest.raises(SignatureError):
        HaloPsa().verify(delivered(authorization=basic(""), appended=path_word("", "c1")), bare)


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_both_secrets_are_valid_while_one_replaces_the_other(secret):
    verify(delivered(authorization=basic(secret), appended=path_word(secret, "c1")), SECRET, OLD_SECRET)


def test_the_path_word_of_one_secret_does_not_go_with_the_password_of_the_other():
    for password, word in ((SECRET, OLD_SECRET), (OLD_SECRET, SECRET)):
        request = delivered(authorization=basic(password), appended=path_word(word, "c1"))
        with pytest.raises(SignatureError):
            verify(request, SECRET, OLD_SECRET)


def test_a_replaced_secret_is_refused():
    with pytest.raises(SignatureError):
        verify(delivered(authorization=basic(OLD_SECRET), appended=path_word(OLD_SECRET, "c1")), SECRET)


def test_every_refusal_says_the_same_and_no_secret():
    said = set()
    for request in (
        delivered(authorization=None),
        delivered(authorization=basic("ticketwalk:wrong")),
        delivered(appended=""),
        delivered(appended="wrong"),
    ):
        with pytest.raises(SignatureError) as refused:
            verify(request)
        said.add(str(refused.value))
    assert len(said) == 1
    assert "horse" not in said.pop()


def test_the_address_to_give_ends_with_the_word_of_the_newest_secret():
    url = HaloPsa().webhook_url("https://tw.example.com/webhooks/halopsa/c1", link(SECRET, OLD_SECRET))
    assert url == f"https://tw.example.com/webhooks/halopsa/c1/{WORD}"


def test_no_secret_is_in_a_requests_or_links_repr():
    shown = repr(delivered()) + repr(link())
    assert "horse" not in shown
    assert WORD not in shown


SMALL = {
    "id": GUID,
    "webhook_id": "c3f1",
    "timestamp": "2026-08-11T09:20:14.52Z",
    "event": "new ticket logged",
    "ticket": {"id": 10233, "summary": "VPN down", "status_id": 1},
    "action": {"id": 1, "ticket_id": 10233, "outcome": "First User Email", "who_type": 1},
}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("new ticket logged", EventKind.TICKET_CREATED),
        ("New Ticket Logged ", EventKind.TICKET_CREATED),
        ("ticket deleted", EventKind.TICKET_DELETED),
        ("ticket status changed", EventKind.TICKET_CHANGED),
        ("ticket updated by user", EventKind.TICKET_CHANGED),
        ("closed", EventKind.TICKET_CHANGED),
        ("something new in version 3", EventKind.TICKET_CHANGED),
        ("", EventKind.TICKET_CHANGED),
        (None, EventKind.TICKET_CHANGED),
        (76, EventKind.TICKET_CHANGED),
    ],
)
def test_the_events_text_decides_and_an_unknown_one_means_look_again(text, kind):
    event = parse_one({**SMALL, "event": text})
    assert (event.kind, event.ticket_id) == (kind, "10233")


@pytest.mark.parametrize(
    "body",
    [
        {"ticket": {"id": 7}},
        {"Ticket": {"ID": 7}},
        {"ticket": {"id": "7"}},
        {"ticket_id": 7},
        {"TICKET_ID": "7"},
        {"id": 7},
        {"id": "7"},
        {"id": GUID, "ticket_id": 7},
        {"id": 3, "ticket_id": 7},
        {"id": 3, "action": {"id": 3, "ticket_id": 7}},
        {"ticket": {"id": 7}, "ticket_id": 8, "id": 9},
        {"ticket": "7", "ticket_id": 7},
        {"ticket": {"id": None}, "ticket_id": 7},
        {"ticket": {"id": True}, "ticket_id": 7},
    ],
)
def test_the_ticket_is_named_in_the_first_place_that_holds_a_whole_number(body):
    assert parse_one(body).ticket_id == "7"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"event": "new ticket logged"},
        {"id": GUID},
        {"ticket": {"id": 0}},
        {"ticket": {"id": -7}},
        {"ticket": {"id": 7.5}},
        {"ticket": {"id": "7a"}},
        {"ticket": {"id": "\u0667"}},
        {"ticket": {"id": 10**30}},
        {"ticket": [7]},
    ],
)
def test_an_event_without_a_ticket_is_ignored_with_its_reason(body):
    event = parse_one(body)
    assert (event.kind, event.ticket_id) == (EventKind.IGNORED, None)
    assert event.reason == "the event names no ticket"


@pytest.mark.parametrize("body", [b"", b"x", b"\xff", b"[]", b"7", b'"text"', b"null", b"[" * 2000, b"NaN"])
def test_what_is_no_object_and_no_filled_array_is_refused(body):
    with pytest.raises(PayloadError):
        parse(body)


def test_a_batch_is_one_event_for_each_entry_with_its_own_body():
    batch = [{**SMALL, "ticket": {"id": number}} for number in (1, 2, 3)]
    events = parse(batch)
    assert [event.ticket_id for event in events] == ["1", "2", "3"]
    assert [json.loads(event.body or b"") for event in events] == batch
    assert len({event.dedupe_key for event in events}) == 3


def test_equal_entries_of_one_batch_have_keys_of_their_own():
    events = parse([SMALL, SMALL, SMALL])
    assert len({event.dedupe_key for event in events}) == 3


def test_a_batch_that_is_sent_again_has_the_same_keys():
    batch = [SMALL, {**SMALL, "event": "closed"}, SMALL]
    assert [e.dedupe_key for e in parse(batch)] == [e.dedupe_key for e in parse(batch)]


def test_an_entry_that_is_no_object_does_not_spoil_its_batch():
    events = parse([7, SMALL, None])
    assert [event.kind for event in events] == [
        EventKind.IGNORED,
        EventKind.TICKET_CREATED,
        EventKind.IGNORED,
    ]
    assert events[0].reason == "the entry is not an object"


def test_a_batch_of_the_most_entries_is_read():
    assert len(parse([{"id": number + 1} for number in range(MAX_EVENTS)])) == MAX_EVENTS


def test_a_larger_batch_is_taken_and_left_to_the_reconcile():
    event = parse_one([{"id": number + 1} for number in range(MAX_EVENTS + 1)])
    assert event.kind is EventKind.IGNORED
    assert "501 events, more than 500: left to the reconcile" in (event.reason or "")


def test_the_same_delivery_has_the_same_key_and_another_one_another():
    assert parse_one(SMALL).dedupe_key == parse_one(SMALL).dedupe_key
    assert parse_one(SMALL).dedupe_key.startswith(GUID)
    assert parse_one(SMALL).dedupe_key != parse_one({**SMALL, "event": "closed"}).dedupe_key
    assert parse_one({"id": 7}).dedupe_key != parse_one({"id": 8}).dedupe_key


@pytest.mark.parametrize("delivery_id", [None, 7, "", "x" * 500, "a\u0000b", {"a": 1}])
def test_an_odd_delivery_id_is_left_out_of_the_key(delivery_id):
    key = parse_one({"id": delivery_id, "ticket_id": 7}).dedupe_key
    assert len(key) == 64


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(["id", "ticket", "ticket_id", "event", "action", "TICKET", "x"])


@given(st.dictionaries(NAMES, JSON) | JSON)
def test_any_json_is_read_or_refused_and_never_crashes(body):
    try:
        events = parse(body)
    except PayloadError:
        return
    assert events
    assert all(event.ticket_id or event.reason for event in events)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(body):
    try:
        assert parse(body)
    except PayloadError:
        return


@given(st.text(), st.text())
def test_any_header_and_path_are_refused(authorization, appended):
    with pytest.raises(ProviderError):
        verify(delivered(authorization=authorization, appended=appended))
