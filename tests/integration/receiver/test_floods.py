"""A flood for one connection: others are served, and the real sender is not locked out."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from integrations.connectwise.keys import SigningKeys
from integrations.errors import KeyUnavailableError
from tests.integration.receiver.conftest import command, signed
from worker.receiver import webhooks
from worker.receiver.links import VERIFYING_TOGETHER
from worker.services import accounts, notices
from worker.services.accounts import NewConnection

pytestmark = pytest.mark.integration


def forged(receiver) -> int:
    return int(receiver.post(command(), headers=signed(b"another body")).status_code)


def test_a_connection_that_brings_too_much_is_asked_to_come_again(start, world):
    receiver = start(deliveries_per_second=0.1)
    accepted, late = receiver.post(command()), receiver.post(command())
    assert accepted.status_code == 202
    assert late.status_code == 503
    assert late.headers["content-type"] == "application/problem+json"
    assert 1 <= int(late.headers["retry-after"]) <= 10
    assert world.one("SELECT count(*) FROM delivery") == 1


def test_forged_deliveries_take_nothing_from_the_real_senders_rate(start):
    receiver = start(deliveries_per_second=0.1)
    assert {forged(receiver) for _ in range(30)} == {401}
    assert receiver.post(command()).status_code == 202


def test_a_flood_of_forged_deliveries_is_logged_within_bounds(receiver, caplog, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(webhooks.log, "warning", lambda event, **_: said.append(event))
    for _ in range(webhooks.REFUSALS_LOGGED_AT_ONCE * 2):
        forged(receiver)
    assert webhooks.REFUSALS_LOGGED_AT_ONCE <= len(said) < webhooks.REFUSALS_LOGGED_AT_ONCE * 1.5


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the receiver warns of."""
    heard: list[str] = []
    for module in (webhooks, notices):
        monkeypatch.setattr(module.log, "warning", lambda event, **_: heard.append(event))
    return heard


def flood(receiver, provider: str, connection, body: bytes, headers: dict[str, str]) -> set[int]:
    url = f"{receiver.url}/webhooks/{provider}/{connection}"
    with requests.Session() as sender:
        answers = [
            sender.post(url, data=body, headers={"Content-Type": "application/json", **headers}, timeout=10)
            for _ in range(webhooks.REFUSALS_LOGGED_AT_ONCE * 2)
        ]
    return {answer.status_code for answer in answers}


def test_a_flood_of_forged_key_addresses_is_logged_within_bounds(receiver, known, said, monkeypatch):
    def fetch(key_url: str, allow_private_hosts: bool) -> str:
        raise KeyUnavailableError("no answer")

    monkeypatch.setattr(known.providers["connectwise"], "_keys", SigningKeys(fetch))
    body = b"""{"Action": "added", "Type": "ticket", "ID": 1, "CompanyId": "acme",
        "Metadata": {"key_url": "http://127.0.0.1/callbackkey?companyName=acme"}}"""
    statuses = flood(receiver, "connectwise", receiver.connectwise, body, {"x-content-signature": "AAAA"})
    assert statuses == {429}
    assert webhooks.REFUSALS_LOGGED_AT_ONCE <= len(said) < webhooks.REFUSALS_LOGGED_AT_ONCE * 1.5


def test_a_flood_of_unsigned_notices_is_logged_and_looked_at_within_bounds(
    receiver, known, said, monkeypatch
):
    credentials = {"integration_code": "code", "username": "user", "secret": "secret"}
    autotask = accounts.add_connection(
        known,
        NewConnection("Acme", "autotask", "at", "http://127.0.0.1:9", credentials, ("the-webhooks-secret",)),
    )
    looked: list[object] = []
    monkeypatch.setattr(webhooks, "notice_unsigned", lambda _context, connection: looked.append(connection))
    statuses = flood(receiver, "autotask", autotask, b'{"Action": "Deactivated"}', {})
    assert statuses == {401}
    assert len(said) < webhooks.REFUSALS_LOGGED_AT_ONCE * 1.5
    assert 1 <= len(looked) < webhooks.REFUSALS_LOGGED_AT_ONCE * 1.5


def test_a_key_server_that_hangs_for_one_connection_holds_up_no_other(start, known, world, monkeypatch):
    hanging, go = threading.Semaphore(0), threading.Event()

    def fetch(key_url: str, allow_private_hosts: bool) -> str:
        hanging.release()
        go.wait(30)
        return "key"

    monkeypatch.setattr(known.providers["connectwise"], "_keys", SigningKeys(fetch))
    receiver = start()

    def send(number: int) -> int:
        body = (
            '{"Action": "added", "Type": "ticket", "ID": 1, "CompanyId": "acme", "Metadata": {"key_url": '
            f'"http://127.0.0.1/callbackkey?companyName=acme&id={number}"}}}}'
        )
        headers = {"Content-Type": "application/json", "x-content-signature": "AAAA"}
        url = f"{receiver.url}/webhooks/connectwise/{receiver.connectwise}"
        return int(requests.post(url, data=body, headers=headers, timeout=30).status_code)

    with ThreadPoolExecutor(20) as senders:
        answers = [senders.submit(send, number) for number in range(20)]
        for _ in range(VERIFYING_TOGETHER):
            assert hanging.acquire(timeout=30)
        assert receiver.post(command()).status_code == 202
        # the others wait for their turn: no more threads than its share are taken
        assert not hanging.acquire(blocking=False)
        statuses = {answer.result() for answer in answers}
        go.set()
    # asked to send again, as ConnectWise does on 429 only
    assert statuses == {429}
