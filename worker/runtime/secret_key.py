"""The home's secret key: a file that its owner alone may read, or the service does not start."""

import os
import stat
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet

from worker.runtime.directories import ensure_own
from worker.runtime.errors import EmbeddedServerError, plain_errors
from worker.runtime.home import Home

#: Bytes. A key has 44; a file with more than some dozens of them is no key file.
MAX_FILE_BYTES = 4096


def secret_keys(home: Home) -> tuple[str, ...]:
    """Return the home's Fernet keys, one per line, the encrypting one first. The first to ask makes one.

    Refuses a file that somebody else owns or may read, and one that is reached through a link: who can put a
    key there can read every secret that is sealed from then on.
    """
    file = home.secret_key_file
    with plain_errors(home.path):
        home.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        ensure_own(home.path)
        if not os.path.lexists(file):
            _create(file, Fernet.generate_key())
        keys = tuple(_read(file).decode("ascii", "replace").split())
    _ensure_valid(keys, file)
    return keys


def _read(file: Path) -> bytes:
    if file.is_symlink():
        raise EmbeddedServerError(f"{file} is a link; put the key itself there.")
    # O_NOFOLLOW: it may have become a link since; O_NONBLOCK: a FIFO would be waited for
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise EmbeddedServerError(f"{file} is not a file; restore it from a backup.")
        if found.st_uid != os.geteuid():
            raise EmbeddedServerError(f"{file} belongs to another user; run as that user, or remove it.")
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise EmbeddedServerError(f"{file} is open to other users; close it with: chmod 600 {file}")
        return stream.read(MAX_FILE_BYTES)


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


def _ensure_valid(keys: tuple[str, ...], file: Path) -> None:
    try:
        valid = bool([Fernet(key) for key in keys])
    except ValueError:
        valid = False
    if not valid:
        # without the cause: its text could repeat a part of a key
        raise EmbeddedServerError(f"{file} does not hold a Fernet key; restore it from a backup.")
