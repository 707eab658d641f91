"""How often signing keys are fetched."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from integrations.connectwise import keys
from integrations.connectwise.keys import SigningKeys, hmac_key
from integrations.errors import KeyUnavailableError

URL = "https://na.myconnectwise.net/k?companyName=acme"


class Source:
    """A key address with a clock: what it serves, and how often it was asked."""

    def __init__(self, key: str = "first") -> None:
        self.key, self.asked, self.now, self.down = key, 0, 1000.0, False
        self.keys = SigningKeys(self.fetch, clock=lambda: self.now)

    def fetch(self, _url: str, _allow: bool) -> str:
        self.asked += 1
        if self.down:
            raise KeyUnavailableError("down")
        return self.key

    def matches(self, signed_with: str, *, url: str = URL, connection_id: str = "c1") -> bool:
        return self.keys.matches(
            lambda key: key == hmac_key(signed_with),
            connection_id=connection_id,
            key_url=url,
            allow_private_hosts=False,
        )


@pytest.fixture
def source() -> Source:
    return Source()


def test_a_key_is_fetched_once_for_many_callbacks(source):
    assert all(source.matches("first") for _ in range(50))
    assert source.asked == 1


def test_a_key_is_fetched_again_after_its_lifetime(source):
    source.matches("first")
    source.now += keys.KEY_LIFETIME_SECONDS
    assert source.matches("first")
    assert source.asked == 2


def test_a_rotated_key_is_noticed(source):
    source.matches("first")
    source.key = "second"
    source.now += keys.REFETCH_AFTER_SECONDS
    assert source.matches("second")
    assert source.asked == 2


def test_bad_signatures_do_not_make_the_service_fetch_at_their_pace(source):
    source.matches("first")
    source.now += keys.REFETCH_AFTER_SECONDS
    assert not any(source.matches("forged") for _ in range(100))
    assert source.asked == 2


def test_a_good_signature_still_passes_during_a_flood_of_bad_ones(source):
    source.matches("first")
    source.matches("forged")
    assert source.matches("first")


def test_a_failed_fetch_is_not_repeated_at_once(source):
    source.down = True
    for _ in range(20):
        with pytest.raises(KeyUnavailableError):
            source.matches("first")
    assert source.asked == 1


def test_a_failed_fetch_is_repeated_after_a_pause(source):
    source.down = True
    with pytest.raises(KeyUnavailableError):
        source.matches("first")
    source.down = False
    source.now += keys.FAILURE_PAUSE_SECONDS
    assert source.matches("first")


def test_an_expired_key_that_cannot_be_renewed_is_unavailable_and_not_a_wrong_signature(source):
    source.matches("first")
    source.now += keys.KEY_LIFETIME_SECONDS
    source.down = True
    for _ in range(3):
        with pytest.raises(KeyUnavailableError):
            source.matches("first")


def test_different_addresses_of_one_connection_are_bounded_per_minute(source):
    for number in range(keys.NEW_URLS_PER_MINUTE):
        source.matches("forged", url=f"{URL}&id={number}")
    with pytest.raises(KeyUnavailableError, match="too many"):
        source.matches("first", url=f"{URL}&id=one-more")
    assert source.matches("first", url=f"{URL}&id=0")
    assert source.matches("first", url=f"{URL}&id=one-more", connection_id="c2")


def exhaust(source: Source) -> None:
    """Use up the connection's new addresses of this minute, as forged deliveries do."""
    with suppress(KeyUnavailableError):
        for number in range(keys.NEW_URLS_PER_MINUTE + 1):
            source.matches("forged", url=f"{URL}&id=forged-{number}")


def test_a_new_address_whose_key_is_known_already_is_believed_while_forged_ones_use_up_the_minute(source):
    source.matches("first")
    exhaust(source)
    asked = source.asked
    assert source.matches("first", url=f"{URL}&id=one-more")
    assert source.asked == asked


def test_a_key_that_has_proven_nothing_proves_nothing_at_another_address(source):
    exhaust(source)
    with pytest.raises(KeyUnavailableError, match="too many"):
        source.matches("first", url=f"{URL}&id=one-more")


@pytest.mark.parametrize(
    ("later_seconds", "connection_id"),
    [pytest.param(keys.KEY_LIFETIME_SECONDS, "c1", id="too old"), pytest.param(0, "c2", id="another's")],
)
def test_an_old_key_and_another_connections_prove_nothing_at_another_address(
    source, later_seconds, connection_id
):
    source.matches("first")
    source.now += later_seconds
    source.key = "second"
    assert not source.matches("first", url=f"{URL}&id=one-more", connection_id=connection_id)


def test_a_flood_of_forged_deliveries_tries_few_known_keys(source):
    for number in range(keys.PROVEN_KEYS + 5):
        source.now += keys.MINUTE_SECONDS
        source.key = f"key-{number}"
        source.matches(source.key, url=f"{URL}&id={number}")
    tried: list[bytes] = []

    def proves(key: bytes) -> bool:
        tried.append(key)
        return False

    source.keys.matches(proves, connection_id="c1", key_url=f"{URL}&id=x", allow_private_hosts=False)
    assert len(tried) == keys.PROVEN_KEYS + 1


def test_the_kept_keys_are_bounded(source):
    for number in range(keys.MAX_KEYS + 10):
        source.matches("first", connection_id=f"c{number}")
    assert len(source.keys._slots) == keys.MAX_KEYS


def test_callbacks_that_arrive_together_fetch_the_key_once():
    arrived = threading.Barrier(8)
    asked: list[str] = []

    def fetch(url: str, _allow: bool) -> str:
        asked.append(url)
        return "first"

    ring = SigningKeys(fetch)

    def check(_number: int) -> bool:
        arrived.wait(timeout=10)
        return ring.matches(
            lambda key: key == hmac_key("first"), connection_id="c", key_url=URL, allow_private_hosts=False
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(check, range(8)))
    assert len(asked) == 1


def test_the_key_is_not_in_the_repr(source):
    source.matches("first")
    assert hmac_key("first").hex() not in repr(source.keys._slots)
    assert repr(hmac_key("first")) not in repr(source.keys._slots)
