"""The rules of one walk: what may happen to it in which state."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from worker.domain.words import SessionKind, SessionStatus
from worker.errors import Refusal

#: An active walk that nobody touched for this long is abandoned: a technician's day is over by then.
IDLE_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Walk:
    """What the rules need to know of a walk session."""

    session_id: UUID
    kind: SessionKind
    status: SessionStatus


def ensure_active(walk: Walk) -> None:
    """Refuse any change to a walk that has its outcome."""
    if walk.status is not SessionStatus.ACTIVE:
        raise Refusal(
            "closed",
            f"walk {walk.session_id} is closed ({walk.status}) and takes no more changes",
            status=walk.status.value,
        )


def ensure_takes_steps(walk: Walk) -> None:
    """Refuse a step on a closed walk, and on a walk that follows no tree."""
    ensure_active(walk)
    if walk.kind is SessionKind.ADHOC:
        raise Refusal("adhoc_takes_no_steps", "an ad-hoc walk takes notes, not steps; use notes.save")
