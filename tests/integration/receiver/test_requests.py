"""Every request has an id, and an error that nobody expected says nothing of what was sent."""

import re
import time

import pytest
import requests

from integrations.standard import Standard
from tests.integration.receiver.conftest import command, signed

pytestmark = pytest.mark.integration


def test_an_answer_names_its_request(receiver):
    for answer in (receiver.post(command()), requests.get(f"{receiver.url}/healthz", timeout=10)):
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


def test_a_senders_own_id_is_taken_and_stands_in_the_problem(receiver):
    answer = receiver.post(command(), headers={**signed(b""), "X-Request-ID": "order-17.A_b"})
    assert answer.headers["x-request-id"] == "order-17.A_b"
    assert answer.json()["request_id"] == "order-17.A_b"


@pytest.mark.parametrize("given", ["a b", "x" * 65, "é", '"', "a\tb", "<script>", ""])
def test_an_id_that_could_do_harm_is_replaced(receiver, given):
    headers = {"X-Request-ID": given.encode()}
    answer = requests.get(f"{receiver.url}/healthz", headers=headers, timeout=10)
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


def test_the_reason_of_a_refusal_is_logged_with_the_requests_id(receiver, capfd, monkeypatch):
    answer = receiver.post(command(), headers={**signed(b"x"), "X-Request-ID": "seen-in-the-log"})
    assert answer.status_code == 401
    assert "seen-in-the-log" in "".join(capfd.readouterr())


def test_an_error_that_nobody_expected_is_answered_and_logged_without_a_word_of_it(
    receiver, monkeypatch, caplog, capfd
):
    def fail(*_: object) -> None:
        raise RuntimeError("the-customers-secret-word")

    monkeypatch.setattr(Standard, "parse", fail)
    answer = receiver.post(command())
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.text + caplog.text + "".join(capfd.readouterr())
    assert "the-customers-secret-word" not in said
    assert "RuntimeError" in said
    assert "fail in" in said


def test_a_message_is_taken_up_to_five_minutes_after_it_was_signed_and_repeated_without_effect(
    receiver, world
):
    body, now = command(), time.time()
    old = signed(body, at=now - 290, message_id="msg.with.dots.1")
    assert receiver.post(body, headers=old).json()["duplicate"] is False
    assert receiver.post(body, headers=old).json()["duplicate"] is True
    assert receiver.post(body, headers=signed(body, at=now - 310)).status_code == 401
    assert receiver.post(body, headers=signed(body, at=now + 310)).status_code == 401
    assert world.one("SELECT count(*) FROM delivery") == 1


def test_a_signature_that_is_split_elsewhere_is_no_command(receiver, world):
    """The signed content joins id, timestamp and body with dots, and an id may have dots itself."""
    now = int(time.time())
    headers = signed(command(), at=now, message_id=f"msg.{now}")
    answer = receiver.post(f"{now}.".encode() + command(), headers={**headers, "webhook-id": "msg"})
    assert answer.status_code == 400
    assert world.one("SELECT count(*) FROM delivery") == 0


def test_unknown_and_unauthentic_are_told_apart_by_their_status_alone(receiver):
    unknown = receiver.post(command(), connection="00000000-0000-4000-8000-000000000000")
    unauthentic = receiver.post(command(), headers=signed(b"x"))
    assert (unknown.status_code, unauthentic.status_code) == (404, 401)
    assert unknown.json().keys() == unauthentic.json().keys()
