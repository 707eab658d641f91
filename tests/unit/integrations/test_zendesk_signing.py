"""When the signing secrets are asked for: seldom, and never at a stranger's pace."""

import threading

import pytest

from integrations.errors import KeyUnavailableError
from integrations.ports import Link
from integrations.zendesk.fetching import SecretsUnavailableError
from integrations.zendesk.signing import SigningSecrets

LINK = Link("c1", "https://acme.zendesk.com", {})
OTHER = Link("c2", "https://acme.zendesk.com", {})


class Zendesk:
    """Gives the secrets that it has; counts how often it is asked."""

    def __init__(self) -> None:
        self.secrets: tuple[str, ...] = ("first",)
        self.asked = 0
        self.away = False
        self.pause = 2.0
        self.now = 1_000.0
        self.kept = SigningSecrets(self.fetch, clock=lambda: self.now)

    def fetch(self, _link: Link) -> tuple[str, ...]:
        self.asked += 1
        if self.away:
            raise SecretsUnavailableError("away", pause_seconds=self.pause)
        return self.secrets

    def accepts(self, secret: str, link: Link = LINK) -> bool:
        return self.kept.match(lambda known: known == secret, link)


@pytest.fixture
def zendesk() -> Zendesk:
    return Zendesk()


def test_a_secret_is_fetched_once_for_many_deliveries(zendesk):
    assert [zendesk.accepts("first") for _ in range(3)] == [True, True, True]
    assert zendesk.asked == 1


def test_each_connection_has_its_own(zendesk):
    assert zendesk.accepts("first")
    zendesk.secrets = ("second",)
    assert zendesk.accepts("second", OTHER)
    assert not zendesk.accepts("second")


def test_a_new_webhook_is_believed_half_a_minute_later(zendesk):
    assert zendesk.accepts("first")
    zendesk.secrets = ("second",)
    assert not zendesk.accepts("second")
    zendesk.now += 30
    assert zendesk.accepts("second")
    assert not zendesk.accepts("first")


def test_forged_deliveries_make_one_call_in_half_a_minute(zendesk):
    for _ in range(100):
        assert not zendesk.accepts("forged")
        zendesk.now += 0.29
    assert zendesk.asked == 1


def test_an_old_secret_is_not_believed_for_ever(zendesk):
    assert zendesk.accepts("first")
    zendesk.secrets = ("second",)
    zendesk.now += 3600
    assert not zendesk.accepts("first")


def test_while_zendesk_is_away_a_delivery_is_asked_to_come_again(zendesk):
    zendesk.away = True
    for _ in range(2):
        with pytest.raises(KeyUnavailableError):
            zendesk.accepts("first")
    assert zendesk.asked == 1
    zendesk.away = False
    zendesk.now += 2
    assert zendesk.accepts("first")


@pytest.mark.parametrize("pause", [2.0, 30.0, 90.0])
def test_after_a_failure_it_is_asked_again_when_its_pause_is_over_and_not_before(zendesk, pause):
    zendesk.away, zendesk.pause = True, pause
    for wait in (0, pause / 2, pause / 2 - 0.01):
        zendesk.now += wait
        with pytest.raises(KeyUnavailableError):
            zendesk.accepts("first")
    assert zendesk.asked == 1
    zendesk.away = False
    zendesk.now += 0.01
    assert zendesk.accepts("first")


def test_what_is_known_stays_good_while_zendesk_is_away(zendesk):
    assert zendesk.accepts("first")
    zendesk.away = True
    zendesk.now += 60
    with pytest.raises(KeyUnavailableError):
        zendesk.accepts("forged")
    assert zendesk.accepts("first")


def test_a_fetch_that_hangs_does_not_hold_the_others(zendesk, monkeypatch):
    monkeypatch.setattr("integrations.zendesk.signing.PATIENCE_SECONDS", 0.01)
    hanging, over = threading.Event(), threading.Event()

    def fetch(_link: Link) -> tuple[str, ...]:
        hanging.set()
        assert over.wait(20)
        return ("first",)

    kept = SigningSecrets(fetch)
    first = threading.Thread(target=lambda: kept.match(lambda _known: True, LINK))
    first.start()
    assert hanging.wait(20)
    with pytest.raises(KeyUnavailableError):
        kept.match(lambda _known: True, LINK)
    over.set()
    first.join(20)


def test_every_secret_is_tried_in_full(zendesk):
    zendesk.secrets = ("first", "second", "third")
    tried: list[str] = []

    def proves(secret: str) -> bool:
        tried.append(secret)
        return secret == "first"

    assert zendesk.kept.match(proves, LINK)
    assert tried == ["first", "second", "third"]


def test_no_secret_is_in_a_repr(zendesk):
    assert zendesk.accepts("first")
    assert "first" not in repr(vars(zendesk.kept))
