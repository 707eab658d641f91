"""A Redis of one's own: over TLS, with a user that may do what the service needs and nothing else."""

import ipaddress
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis import Redis
from redis.exceptions import ConnectionError as NoRedisError

from tests.acceptance.tools import wait_for
from worker.demo.service import free_port
from worker.runtime.redis import _executable

#: What docs/operations.md tells operators to give the service's user, word for word.
RULES_FILE = Path(__file__).parents[2] / "docs" / "redis-user.acl"
CHUNK_BYTES = 65_536


@contextmanager
def own_redis(directory: Path, password: str) -> Iterator[Redis]:
    """Run a server on loopback with the documented user. Yield an administrator's connection to it."""
    port = free_port()
    user = RULES_FILE.read_text().replace("PASSWORD", password)
    (directory / "users.acl").write_text(f"user default off\nuser admin on >admin ~* &* +@all\n{user}")
    command = [_executable(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory)]
    command += ["--aclfile", str(directory / "users.acl"), "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        with Redis(port=port, username="admin", password="admin") as admin:
            wait_for("Redis", lambda: _answers(admin))
            yield admin
    finally:
        process.terminate()
        process.wait()


def _answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except NoRedisError:
        return False


@contextmanager
def over_tls(directory: Path, port: int) -> Iterator[int]:
    """Stand before the server at `port` with TLS, which the wheel's own server has not. Yield the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(directory))

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with (
                suppress(OSError),
                context.wrap_socket(self.request, server_side=True) as secure,
                socket.create_connection(("127.0.0.1", port)) as plain,
            ):
                # one thread per direction; the first end ends both
                threading.Thread(target=_pump, args=(plain, secure), daemon=True).start()
                _pump(secure, plain)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(CHUNK_BYTES):
            target.sendall(chunk)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def certificate(directory: Path) -> Path:
    """Return a file with a self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "redis")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file = directory / "redis.pem"
    file.write_bytes(key.private_bytes(pem, pkcs8, plain) + made.public_bytes(pem))
    return file
