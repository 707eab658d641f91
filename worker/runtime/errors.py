"""What the embedded runtime fails with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worker.errors import ConfigurationError


class EmbeddedServerError(ConfigurationError):
    """One plain sentence: which embedded server cannot run, why, and where its log is."""


@contextmanager
def plain_errors(home: Path) -> Iterator[None]:
    """Turn a refusal of the file system into a sentence that says where the state was to be."""
    try:
        yield
    except OSError as error:
        place = error.filename or home
        raise EmbeddedServerError(
            f"The home {home} cannot be used: {place}: {error.strerror}. "
            "Set TICKETWALK_HOME to a directory that this user can write to."
        ) from error
