"""A flood for one connection: others are served, and the real sender is not locked out."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from integrations.connectwise.keys import SigningKeys
from tests.integration.receiver.conftest import command, signed
from worker.receiver import webhooks
from worker.receiver.links import VERIFYING_TOGETHER

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
