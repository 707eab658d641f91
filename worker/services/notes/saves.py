"""What a save of notes is, once it is known that it may go straight to its draft."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from worker.domain.requests import Request, SaveNotes


@dataclass(frozen=True, slots=True)
class Save:
    """One save that names its session and its revision."""

    session_id: UUID
    revision: int
    notes: Sequence[dict[str, Any]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Saved:
    """A save that is durable. `due_at` is when the walk gets it, None where it has it already.

    `repeated`: it stood there before.
    """

    session_id: UUID
    revision: int
    due_at: datetime | None
    repeated: bool = False

    def as_result(self) -> dict[str, Any]:
        """Return what the sender is told."""
        return {
            "session_id": str(self.session_id),
            "revision": self.revision,
            "due_at": self.due_at.isoformat() if self.due_at else None,
        }


def direct_save(request: Request) -> Save | None:
    """Return the save that may go straight to its draft; None where more must be looked at.

    A number, a user to check, another way to name the walk, or a revision that only the draft knows.
    """
    if not isinstance(request, SaveNotes) or request.session is None or request.revision is None:
        return None
    if request.sequence is not None or request.user or request.ticket or request.account:
        return None
    return Save(request.session, request.revision, request.notes)
