"""Who sends slowly, nothing, or nonsense is shown out, and what was sent is not stored."""

import json
import socket
import time
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest

from tests.integration.receiver.conftest import PATIENCE_SECONDS, Receiver, command, signed
from worker.receiver import body as bodies
from worker.receiver import protocol

pytestmark = pytest.mark.integration

#: Stands in for the ten seconds of the time-outs.
SHORT_SECONDS = 0.3


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", SHORT_SECONDS)
    monkeypatch.setattr(bodies, "BODY_SECONDS", SHORT_SECONDS)


@pytest.fixture
def connection(receiver: Receiver) -> Iterator[socket.socket]:
    with receiver.open() as opened:
        yield opened


def everything(connection: socket.socket) -> bytes:
    """Return what is answered until the receiver ends the connection."""
    said = b""
    try:
        while received := connection.recv(65536):
            said += received
    except ConnectionResetError:
        pass
    return said


def answer(connection: socket.socket) -> int:
    """Return the status of the next answer, read whole."""
    with HTTPResponse(connection) as response:
        response.begin()
        response.read()
        return response.status


def has_ended(connection: socket.socket) -> bool:
    """Send one byte more. Return whether the receiver has ended the connection."""
    try:
        connection.sendall(b"a")
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_a_connection_that_sends_nothing_is_ended(connection):
    assert everything(connection) == b""


def test_a_head_that_drips_in_is_not_waited_for(receiver, connection):
    connection.sendall(receiver.head()[:-4])
    connection.settimeout(SHORT_SECONDS / 10)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not has_ended(connection):
        assert time.monotonic() < deadline, "the receiver waits for a head that never ends"


def test_a_second_head_that_never_ends_is_not_waited_for(receiver, connection):
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHo")
    assert everything(connection).count(b"200 OK") == 1


def test_the_rest_of_a_body_that_nobody_wants_is_not_waited_for(receiver, connection):
    head = receiver.head("Content-Length: 1000").replace(b"application/json", b"text/plain")
    connection.sendall(head + b"x")
    assert answer(connection) == 415
    connection.sendall(b"x")
    assert everything(connection) == b""


def test_a_body_that_does_not_come_in_time_gets_408(receiver, connection):
    connection.sendall(receiver.head("Content-Length: 1000") + b"{")
    assert b" 408 " in everything(connection)


def test_several_requests_on_one_connection_are_answered(receiver, connection):
    for _ in range(3):
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer(connection) == 200


def test_a_chunked_body_over_the_limit_gets_413_before_it_has_all_come(receiver, connection, monkeypatch):
    monkeypatch.setattr(bodies, "MAX_BODY_BYTES", 1000)
    connection.sendall(receiver.head("Transfer-Encoding: chunked") + b"800\r\n" + b"x" * 0x800 + b"\r\n")
    assert answer(connection) == 413


def test_a_chunked_body_within_the_limit_is_stored(receiver, connection, world):
    body = command()
    lines = [f"{name}: {value}" for name, value in signed(body).items() if name != "Content-Type"]
    connection.sendall(
        receiver.head("Transfer-Encoding: chunked", "Connection: close", *lines)
        + b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in body)
        + b"0\r\n\r\n"
    )
    assert b" 202 " in everything(connection)
    assert bytes(world.one("SELECT body FROM delivery")) == body


def test_a_body_shorter_than_it_says_is_not_stored(receiver, connection, world):
    body = command()
    lines = [f"{name}: {value}" for name, value in signed(body).items() if name != "Content-Type"]
    connection.sendall(receiver.head(f"Content-Length: {len(body) + 1}", *lines) + body)
    connection.shutdown(socket.SHUT_WR)
    assert b" 202 " not in everything(connection)
    assert world.one("SELECT count(*) FROM delivery") == 0


def test_what_comes_after_a_body_is_not_a_part_of_it(receiver, connection, world):
    body = command()
    lines = [f"{name}: {value}" for name, value in signed(body).items() if name != "Content-Type"]
    connection.sendall(receiver.head(f"Content-Length: {len(body)}", *lines) + body + b"GARBAGE\r\n\r\n")
    said = everything(connection)
    assert b" 202 " in said
    assert bytes(world.one("SELECT body FROM delivery")) == body


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: -1",),
        ("Content-Length: 0x10",),
        ("Content-Length: " + "9" * 30,),
        ("Transfer-Encoding: gzip",),
        ("No colon here",),
        ("X: \x00",),
    ],
)
def test_a_head_that_is_no_http_gets_400_as_problem_json(receiver, connection, lines):
    connection.sendall(receiver.head(*lines) + b"hello")
    head, _, body = everything(connection).partition(b"\r\n\r\n")
    status = int(head.split()[1])
    assert status in {400, 413, 501}
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == status


def test_a_chunk_that_is_none_ends_the_connection_without_an_error_of_ours(
    receiver, connection, world, caplog
):
    connection.sendall(receiver.head("Transfer-Encoding: chunked") + b"nonsense\r\n")
    assert b" 400 " in everything(connection)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_nonsense_after_an_early_answer_ends_the_connection_without_an_error_of_ours(
    receiver, connection, caplog
):
    head = receiver.head("Transfer-Encoding: chunked").replace(b"application/json", b"text/plain")
    connection.sendall(head)
    assert answer(connection) == 415
    connection.sendall(b"nonsense\r\n")
    everything(connection)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_no_websocket_is_opened(receiver, connection):
    connection.sendall(
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert b"101" not in everything(connection).partition(b"\r\n")[0]
