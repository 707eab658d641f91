"""The home: one directory that holds all embedded state, the paths in it, and where it lies by default."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import platformdirs

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
