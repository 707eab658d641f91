"""Who may walk, and as whom."""

from worker.domain.words import ActingAs, Role
from worker.errors import Refusal


def acting_as(role: Role, *, can_cover_l1: bool) -> ActingAs | None:
    """Return in whose place a user walks: None as themself. Refuses everyone who may not walk."""
    if role is Role.L1_TECH:
        return None
    if role is Role.ENGINEER and can_cover_l1:
        return ActingAs.L1_COVERAGE
    raise Refusal(
        "may_not_walk",
        f"a user with role {role} may not walk tickets; "
        "only an l1_tech, or an engineer who may cover L1 (user add --can-cover-l1)",
    )
