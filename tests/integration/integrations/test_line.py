"""The address that was checked is the address that is connected to, under the name that was asked for."""

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests.adapters
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from integrations.http import HttpApi, Limits, NoAnswerError, Outgoing, exchange

pytestmark = pytest.mark.integration

NAME = "psa.example.com"
PUBLIC, LOOPBACK = "8.8.8.8", "127.0.0.1"
SHORT = Limits(connect_seconds=1, read_seconds=2, total_seconds=3, answer_bytes=1000)
ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"


class Names:
    """A name server that answers each question with the next of its answers; the last one stays."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, _host: str, port: int, **_options: object) -> list[object]:
        self.asked += 1
        address = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch):
    def serve(*answers: str) -> Names:
        made = Names(*answers)
        monkeypatch.setattr(socket, "getaddrinfo", made)
        return made

    return serve


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Where connections were tried; none is made."""
    tried: list[object] = []

    def refuse(_socket: socket.socket, address: object) -> None:
        tried.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    return tried


def get(url: str, *, allow_private_hosts: bool = False):
    return exchange(Outgoing("GET", url), limits=SHORT, allow_private_hosts=allow_private_hosts)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_name_that_turns_to_loopback_after_the_check_never_reaches_loopback(names, connected, method):
    asked = names(PUBLIC, LOOPBACK)
    outgoing = Outgoing(method, f"https://{NAME}/x", {}, b"body" if method == "POST" else b"")
    with pytest.raises(NoAnswerError) as error:
        exchange(outgoing, limits=SHORT, allow_private_hosts=False)
    assert connected == [(PUBLIC, 443)]
    assert (asked.asked, error.value.sent) == (1, False)


def test_a_read_that_is_asked_again_is_checked_again(names, connected):
    names(PUBLIC, LOOPBACK)
    api = HttpApi(f"https://{NAME}", {}, words=lambda _: "", allow_private_hosts=False, pace=lambda: None)
    with pytest.raises(Exception, match="private or reserved"):
        api.read("/x")
    assert connected == [(PUBLIC, 443)]


def test_the_next_address_is_tried_where_one_takes_no_connection(monkeypatch, connected):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 443)) for a in (PUBLIC, "1.1.1.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: found)
    with pytest.raises(NoAnswerError, match="refused"):
        get(f"https://{NAME}/")
    assert connected == [(PUBLIC, 443), ("1.1.1.1", 443)]


def test_a_resolver_that_hangs_is_left_behind(monkeypatch):
    gone = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: gone.wait(20))
    short = Limits(connect_seconds=1, read_seconds=1, total_seconds=0.2, answer_bytes=1000)
    with pytest.raises(NoAnswerError, match="not resolved in time") as error:
        exchange(Outgoing("GET", f"https://{NAME}/"), limits=short, allow_private_hosts=False)
    gone.set()
    assert (error.value.sent, error.value.timed_out) == (False, True)


@contextmanager
def tls_server(folder: Path, name: str) -> Iterator[tuple[int, list[str | None], list[bytes]]]:
    """Serve one HTTPS request with a certificate for `name`. Yields the port, the SNI and the request."""
    asked: list[str | None] = []
    heard: list[bytes] = []
    settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    settings.load_cert_chain(certificate(folder, name))

    def note_name(_socket: object, sni: str | None, _settings: object) -> None:
        asked.append(sni)

    settings.sni_callback = note_name
    with socket.create_server((LOOPBACK, 0)) as server:

        def run() -> None:
            with suppress(OSError):
                raw, _ = server.accept()
                with settings.wrap_socket(raw, server_side=True) as connection:
                    heard.append(connection.recv(65536))
                    connection.sendall(ANSWER)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield server.getsockname()[1], asked, heard
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def certificate(folder: Path, name: str) -> Path:
    """Write a key and a self-signed certificate for `name`, and return their file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem)
    )
    return path


@pytest.mark.parametrize("named", [NAME, "other.example.com"])
def test_tls_and_the_host_header_keep_the_name(names, monkeypatch, tmp_path, named):
    names(LOOPBACK)
    with tls_server(tmp_path, named) as (port, asked, heard):
        monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(tmp_path / "server.pem"))
        url = f"https://{NAME}:{port}/x"
        if named == NAME:
            assert get(url, allow_private_hosts=True).body == b"hi"
            assert f"host: {NAME}:{port}".encode() in heard[0].lower()
        else:
            with pytest.raises(NoAnswerError, match="TLS"):
                get(url, allow_private_hosts=True)
    assert asked == [NAME]
