"""The home: one directory that holds all embedded state, the paths in it, and its secret key."""

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from cryptography.fernet import Fernet

from worker.runtime.errors import EmbeddedServerError, plain_errors

#: Sockets have at most 103 bytes of path on macOS and 107 on Linux (`sun_path`); the smaller holds on both.
MAX_SOCKET_PATH_BYTES = 103

#: Longest name put below the socket directory: PostgreSQL makes it of its port.
LONGEST_SOCKET_NAME = "postgres/.s.PGSQL.5432"

#: Where the sockets live when the home's own path is too long. Not `tempfile.gettempdir()`: two processes
#: of one home may run with a different TMPDIR, and must meet at the same socket.
SHORT_DIRECTORY = Path("/tmp")  # noqa: S108 - `directories.prepare` refuses a directory that is not our own

#: Paths of these characters stand unquoted in a URL, in postgresql.conf and in redis.conf.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


@dataclass(frozen=True)
class Home:
    """All paths follow from `path` alone, so every process finds the servers without asking another one."""

    path: Path

    def __post_init__(self) -> None:
        """Make the path canonical: a home reached through a symbolic link is the same home."""
        object.__setattr__(self, "path", self.path.expanduser().resolve())

    @property
    def run(self) -> Path:
        """Lock files, and the sockets where the path is short enough."""
        return self.path / "run"

    @property
    def postgres_data(self) -> Path:
        return self.path / "postgres"

    @property
    def redis_data(self) -> Path:
        return self.path / "redis"

    @property
    def log_directory(self) -> Path:
        return self.path / "log"

    @property
    def postgres_log(self) -> Path:
        return self.log_directory / "postgres.log"

    @property
    def redis_log(self) -> Path:
        return self.log_directory / "redis.log"

    @property
    def secret_key_file(self) -> Path:
        return self.path / "secret.key"

    @property
    def beat_schedule(self) -> Path:
        return self.run / "beat-schedule"

    @property
    def socket_directory(self) -> Path:
        """In the home if a socket's path may be that long, else a short directory named for home and user."""
        own = self.run / "sockets"
        length = len(os.fsencode(own / LONGEST_SOCKET_NAME))
        if length <= MAX_SOCKET_PATH_BYTES and PLAIN_PATH.fullmatch(str(own)):
            return own
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]  # 64 bits: two homes never meet
        return SHORT_DIRECTORY / f"ticketwalk-{os.geteuid()}-{digest}"

    @property
    def postgres_sockets(self) -> Path:
        return self.socket_directory / "postgres"

    @property
    def redis_socket(self) -> Path:
        return self.socket_directory / "redis.sock"

    @property
    def database_url(self) -> str:
        """For SQLAlchemy. The port is part of the socket's name; stated, PGPORT cannot lead it astray."""
        return f"postgresql+psycopg://postgres@/ticketwalk?host={self.postgres_sockets}&port=5432"

    @property
    def redis_url(self) -> str:
        """For kombu."""
        return f"redis+socket://{self.redis_socket}?virtual_host=0"


def default_home() -> Path:
    """Return where a service of this user keeps its state, unless the settings name another place."""
    if os.geteuid() == 0:
        return Path("/var/lib/ticketwalk")
    return platformdirs.user_data_path("ticketwalk")


def secret_key(home: Home) -> str:
    """Return the home's Fernet key; the first to ask makes it, readable for its user only."""
    file = home.secret_key_file
    with plain_errors(home.path):
        if not file.exists():
            home.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            _create(file, Fernet.generate_key())
        key = file.read_bytes().decode("ascii", "replace").strip()
    _ensure_valid(key, file)
    return key


def _create(file: Path, key: bytes) -> None:
    """Put the key in place whole or not at all; another process may have been first, then its key stays."""
    descriptor, temporary = tempfile.mkstemp(dir=file.parent)  # O_EXCL, mode 0600
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(key)
            stream.flush()
            os.fsync(stream.fileno())  # a key lost with the power is every credential lost
        os.link(temporary, file)
    except FileExistsError:
        pass
    finally:
        Path(temporary).unlink()


def _ensure_valid(key: str, file: Path) -> None:
    try:
        Fernet(key)
    except ValueError as error:
        raise EmbeddedServerError(f"{file} does not hold a Fernet key; restore it from a backup.") from error
