"""What a HaloPSA connection must be given."""

import pytest

from integrations.halopsa import HaloPsa
from integrations.halopsa.settings import DEFAULT_EVENT_NUMBERS, read_settings
from integrations.ports import Link

SECRET = "ticketwalk:correct-horse-battery"


def link(base_url: str = "https://acme.halopsa.com", secret: str | None = SECRET, **credentials: str) -> Link:
    given = {"client_id": "id", "client_secret": "secret", **credentials}
    return Link("c1", base_url, given, (secret,) if secret is not None else ())


def test_a_complete_link_is_accepted():
    HaloPsa().check_link(link())
    HaloPsa().check_link(
        link(tenant="acme", agent_id="20", application="My App", outcome_id="23", event_numbers="3, 19,76")
    )


@pytest.mark.parametrize(
    ("base_url", "words"),
    [
        ("https://acme.halopsa.com/api", "is the site alone"),
        ("https://acme.halopsa.com?x=1", "is the site alone"),
        ("http://acme.halopsa.com", "must use https"),
        ("https://127.0.0.1", "private or reserved"),
        ("https://user:word@acme.halopsa.com", "user name or password"),
    ],
)
def test_a_base_url_that_cannot_work_is_refused(base_url, words):
    with pytest.raises(ValueError, match=words):
        HaloPsa().check_link(link(base_url))


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        ({"client_id": " "}, "needs the credential client_id"),
        ({"client_secret": ""}, "needs the credential client_secret"),
        ({"clientid": "x"}, "knows no credential clientid"),
        ({"tenant": "acme "}, "credential tenant is empty, or begins or ends with a space"),
        ({"application": "a\nb"}, "credential application"),
        ({"agent_id": "jdoe"}, "credential agent_id is HaloPSA's number"),
        ({"outcome_id": "0"}, "credential outcome_id is HaloPSA's number"),
        ({"event_numbers": "3,,76"}, "credential event_numbers is HaloPSA's number"),
    ],
)
def test_a_credential_that_cannot_work_is_refused(credentials, words):
    with pytest.raises(ValueError, match=words):
        HaloPsa().check_link(link(**credentials))


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        (None, "needs a webhook secret: user:password"),
        ("correct-horse-battery", "is user:password"),
        (":correct-horse-battery", "is user:password"),
        ("ticketwalk:" + "x" * 15, "at least 16 characters"),
        ("ticketwalk:correct-horse-batt\u00e9ry", "no header may carry"),
        ("ticketwalk:correct-horse\nbattery", "no header may carry"),
    ],
)
def test_a_webhook_secret_that_cannot_work_is_refused(secret, words):
    with pytest.raises(ValueError, match=words):
        HaloPsa().check_link(link(secret=secret))


def test_a_password_may_hold_a_colon():
    HaloPsa().check_link(link(secret="ticketwalk:correct:horse:battery"))


def test_settings_left_out_have_their_defaults():
    settings = read_settings(link())
    assert settings.outcome_id == 7
    assert settings.event_numbers == DEFAULT_EVENT_NUMBERS
    assert (settings.agent_id, settings.application) == (None, None)


def test_event_numbers_are_read_once_each():
    assert read_settings(link(event_numbers="76, 3,76")).event_numbers == (76, 3)
