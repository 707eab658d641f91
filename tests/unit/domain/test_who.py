"""Who may walk."""

import pytest

from worker.domain.who import acting_as
from worker.domain.words import ActingAs, Role
from worker.errors import Refusal


@pytest.mark.parametrize(
    ("role", "can_cover_l1", "in_place_of"),
    [
        (Role.L1_TECH, False, None),
        (Role.L1_TECH, True, None),
        (Role.ENGINEER, True, ActingAs.L1_COVERAGE),
    ],
)
def test_technicians_walk_as_themselves_and_covering_engineers_as_coverage(role, can_cover_l1, in_place_of):
    assert acting_as(role, can_cover_l1=can_cover_l1) is in_place_of


@pytest.mark.parametrize(
    ("role", "can_cover_l1"), [(Role.ENGINEER, False), (Role.OWNER, False), (Role.OWNER, True)]
)
def test_everybody_else_is_refused(role, can_cover_l1):
    with pytest.raises(Refusal) as refused:
        acting_as(role, can_cover_l1=can_cover_l1)
    assert refused.value.code == "may_not_walk"
