"""Read a lock file: every package with its version, its hashes and where it is needed."""  # noqa: INP001 - of scripts

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent

REQUIREMENT = re.compile(
    r"(?P<name>[a-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>\S+)(?: ; (?P<where>[^\\]+))?", re.ASCII
)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})\b", re.ASCII)


@dataclass(frozen=True)
class Package:
    """One locked package. `where` is the marker of the machines that need it, empty where all do."""

    name: str
    version: str
    where: str
    hashes: tuple[str, ...]


def packages(lock: str) -> list[Package]:
    """Return what `requirements/<lock>.txt` locks. Raises ValueError for a line that it cannot read."""
    return list(read((HERE / f"{lock}.txt").read_text()))


def read(text: str) -> Iterator[Package]:
    """Yield the packages of a lock file's text."""
    joined = text.replace("\\\n", " ")
    for line in filter(None, (line.partition("#")[0].strip() for line in joined.splitlines())):
        found = REQUIREMENT.match(line)
        if found is None:
            raise ValueError(f"the lock file has a line that is no locked package: {line[:80]}")
        where = (found["where"] or "").partition("--hash")[0].strip()
        yield Package(found["name"], found["version"], where, tuple(HASH.findall(line)))
