"""What is wrong with a run, by kind; each finding is one line."""

from collections import defaultdict
from enum import StrEnum


class Kind(StrEnum):
    """What may be wrong; the words that the report shows."""

    LOST = "lost"
    DOUBLED = "doubled"
    DISORDERED = "out of order"
    SUMMARIES = "second or missing summaries"
    NOTES = "stale notes"
    OPEN = "left open"
    PARKED = "parked"
    OTHER = "other"


class Findings:
    """Everything found; false where nothing is wrong."""

    def __init__(self) -> None:
        self.lines: dict[Kind, list[str]] = defaultdict(list)

    def add(self, kind: Kind, line: str) -> None:
        self.lines[kind].append(line)

    def count(self, kind: Kind) -> int:
        return len(self.lines[kind])

    def __bool__(self) -> bool:
        return any(self.lines.values())
