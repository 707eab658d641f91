"""One exchange with servers that misbehave below HTTP."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from integrations.http import Limits, NoAnswerError, Outgoing, exchange

pytestmark = pytest.mark.integration

SHORT = Limits(connect_seconds=1, read_seconds=0.5, total_seconds=0.8, answer_bytes=1000)
OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


@contextmanager
def serving(speak: Callable[[socket.socket, bytes], None]) -> Iterator[int]:
    """Accept one connection, read the request and let `speak` answer it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    speak(connection, connection.recv(65536))

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def post(port: int, scheme: str = "http", limits: Limits = SHORT):
    outgoing = Outgoing("POST", f"{scheme}://127.0.0.1:{port}/x?token=t0ken", {}, b"body")
    return exchange(outgoing, limits=limits, allow_private_hosts=True)


def failure(port: int, scheme: str = "http", limits: Limits = SHORT) -> NoAnswerError:
    with pytest.raises(NoAnswerError) as error:
        post(port, scheme, limits)
    assert "t0ken" not in str(error.value)
    return error.value


def drip(connection: socket.socket, _request: bytes) -> None:
    pause = threading.Event()
    with suppress(OSError):
        connection.sendall(OK + b"Content-Length: 500\r\n\r\n")
        for _ in range(40):
            connection.sendall(b".")
            pause.wait(0.1)


def test_a_complete_answer_is_returned():
    with serving(lambda c, _: c.sendall(OK + b"Content-Length: 2\r\nX-One: 1\r\n\r\nhi")) as port:
        answer = post(port)
    assert (answer.status, answer.body, answer.headers["x-one"]) == (200, b"hi", "1")


def test_a_redirect_is_returned_and_not_followed(unused_port):
    moved = f"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:{unused_port}/\r\nContent-Length: 0\r\n\r\n"
    with serving(lambda c, _: c.sendall(moved.encode())) as port:
        assert post(port).status == 307


def test_a_chunked_answer_is_put_together():
    chunks = b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3\r\n!!!\r\n0\r\n\r\n"
    with serving(lambda c, _: c.sendall(OK + chunks)) as port:
        assert post(port).body == b"hi!!!"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        OK + b"Content-Length: 500\r\n\r\npartial",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhi",
        OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi",
        OK + b"Content-Length: 2000\r\n\r\n" + b"x" * 2000,
    ],
    ids=["nothing", "no http", "cut short", "cut chunk", "false gzip", "too large"],
)
def test_an_incomplete_or_unfit_answer_leaves_the_outcome_open(answer):
    with serving(lambda c, _: c.sendall(answer)) as port:
        assert failure(port).sent


def test_a_silent_server_is_a_time_out_after_sending():
    gone = threading.Event()

    def say_nothing(_connection: socket.socket, _request: bytes) -> None:
        gone.wait(10)

    with serving(say_nothing) as port:
        error = failure(port)
        gone.set()
    assert (error.sent, error.timed_out) == (True, True)


def test_a_server_that_drips_is_cut_off():
    with serving(drip) as port:
        error = failure(port)
    assert (error.sent, error.timed_out) == (True, True)


def drip_header(connection: socket.socket, _request: bytes) -> None:
    pause = threading.Event()
    with suppress(OSError):
        connection.sendall(OK + b"X-Slow: ")
        for _ in range(40):
            connection.sendall(b".")
            pause.wait(0.1)


def test_a_server_that_drips_its_header_is_cut_off():
    began = time.monotonic()
    with serving(drip_header) as port:
        error = failure(port)
    assert (error.sent, error.timed_out, str(error)) == (True, True, "the answer took longer than 0.8 s")
    assert time.monotonic() - began < 3


def test_an_answer_without_a_length_that_was_cut_off_is_not_taken_for_a_whole_one():
    def drip_open_end(connection: socket.socket, _request: bytes) -> None:
        pause = threading.Event()
        with suppress(OSError):
            connection.sendall(OK + b"\r\n")
            for _ in range(40):
                connection.sendall(b".")
                pause.wait(0.1)

    with serving(drip_open_end) as port:
        assert failure(port).timed_out


def test_a_refused_connection_sent_nothing(unused_port):
    assert not failure(unused_port).sent


def test_a_failed_tls_handshake_sent_nothing():
    with serving(lambda c, _: c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        error = failure(port, "https")
    assert (error.sent, str(error)) == (False, "the TLS connection failed")


def test_a_connection_closed_during_the_tls_handshake_sent_nothing():
    with serving(lambda _c, _: None) as port:
        assert not failure(port, "https").sent


def test_proxies_and_netrc_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login joe password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    empty = OK + b"Content-Length: 0\r\n\r\n"
    heard: list[bytes] = []

    def answer(connection: socket.socket, request: bytes) -> None:
        heard.append(request)
        connection.sendall(empty)

    with serving(answer) as port:
        assert post(port).status == 200
    assert b"authorization" not in heard[0].lower()
