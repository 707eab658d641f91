"""Faults on demand: what a simulator does wrong with the next matching requests."""

import threading
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class FaultKind(StrEnum):
    """STATUS answers with `status` (after doing it where `apply`); LOST_ANSWER does it, then closes the
    connection; DELAY waits, then does it; RESET closes before doing it; APPLY_LATE closes, or answers
    `status`, and does it `delay_seconds` later.
    """

    STATUS = "status"
    LOST_ANSWER = "lost_answer"
    DELAY = "delay"
    RESET = "reset"
    APPLY_LATE = "apply_late"


class Fault(BaseModel):
    """Matches `times` requests by method ("*" is any), path pattern (`*` stands for anything) and part of the
    body, as it is sent.
    """

    model_config = ConfigDict(extra="forbid")

    kind: FaultKind
    method: str = "*"
    path: str = "*"
    body_part: str = ""
    times: int = Field(default=1, ge=1)
    status: int | None = Field(default=None, ge=200, le=599)
    body: Any = None
    retry_after: int | str | None = None
    delay_seconds: float = Field(default=0, ge=0, le=600)
    apply: bool = False

    def matches(self, method: str, path: str, body: bytes) -> bool:
        return (
            self.method in {"*", method} and fnmatchcase(path, self.path) and self.body_part.encode() in body
        )


class FaultBook:
    """The faults still to come, first come first served. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault.model_copy())

    def take(self, method: str, path: str, body: bytes) -> Fault | None:
        """Return the first fault that matches and count it down."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(method, path, body):
                    fault.times -= 1
                    if not fault.times:
                        self._faults.remove(fault)
                    return fault
        return None

    def pending(self) -> list[Fault]:
        with self._lock:
            return [fault.model_copy() for fault in self._faults]

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
