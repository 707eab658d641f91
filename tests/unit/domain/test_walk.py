"""What may happen to a walk in which state."""

from uuid import UUID

import pytest

from worker.domain.walk import Walk, ensure_active, ensure_takes_steps
from worker.domain.words import SessionKind, SessionStatus
from worker.errors import Refusal

ID = UUID("00000000-0000-0000-0000-000000000001")


def walk(kind: SessionKind, status: SessionStatus) -> Walk:
    return Walk(ID, kind, status)


@pytest.mark.parametrize("status", [SessionStatus.RESOLVED, SessionStatus.ESCALATED, SessionStatus.ABANDONED])
@pytest.mark.parametrize("rule", [ensure_active, ensure_takes_steps])
def test_closed_is_closed(rule, status):
    with pytest.raises(Refusal) as refused:
        rule(walk(SessionKind.FLOW, status))
    assert (refused.value.code, refused.value.details) == ("closed", {"status": status.value})


@pytest.mark.parametrize("kind", [SessionKind.FLOW, SessionKind.PROPOSAL])
def test_an_active_walk_through_a_tree_takes_steps(kind):
    ensure_takes_steps(walk(kind, SessionStatus.ACTIVE))


def test_an_adhoc_walk_takes_no_steps():
    with pytest.raises(Refusal) as refused:
        ensure_takes_steps(walk(SessionKind.ADHOC, SessionStatus.ACTIVE))
    assert refused.value.code == "adhoc_takes_no_steps"
