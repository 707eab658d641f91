"""The rules of a connection: which tickets start which walk, and what the PSA is told at the end.

    rules:
      - when: {board: "Help Desk", summary: "*vpn*"}
        start: flow
        flow: VPN down
      - when: {priority: "Priority 4*"}
        start: ignore
      - start: adhoc
    on_resolve: {status: Resolved, time: true, note: resolution}
    on_escalate: {status: Escalated}
    on_psa_close: flag
    limits: {calls_per_minute: 100}

Patterns are shell patterns (`*`, `?`, `[abc]`) on the names the PSA shows; case does not matter.
"""

from fnmatch import fnmatchcase
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class When(BaseModel):
    """Patterns; each that is given must fit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    board: str | None = None
    type: str | None = None
    priority: str | None = None
    status: str | None = None
    summary: str | None = None
    company: str | None = None

    def fits(self, ticket: "TicketFacts") -> bool:
        """Return whether every given pattern fits the ticket."""
        patterns = self.model_dump(exclude_none=True)
        return all(
            fnmatchcase((getattr(ticket, name) or "").casefold(), pattern.casefold())
            for name, pattern in patterns.items()
        )


class TicketFacts(BaseModel):
    """What the patterns look at."""

    model_config = ConfigDict(frozen=True)

    board: str | None = None
    type: str | None = None
    priority: str | None = None
    status: str | None = None
    summary: str | None = None
    company: str | None = None


class Rule(BaseModel):
    """One rule. `user` (an email) walks where the ticket's assignee is no user of the account."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: When = Field(default_factory=When)
    start: Literal["flow", "adhoc", "ignore"]
    flow: str | None = None
    user: str | None = None

    @model_validator(mode="after")
    def _flow_when_flow(self) -> Self:
        if (self.start == "flow") != (self.flow is not None):
            raise ValueError('"flow" is given exactly where start is "flow"')
        return self


class OnEscalate(BaseModel):
    """What the PSA is told at the end, beside the summary. No status: the ticket is left as it is.

    `time`: the walk's measured time becomes a time entry.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: str | None = None
    time: bool = False


class OnResolve(OnEscalate):
    """The same of a resolved walk, and where its summary stands. A hand-off is always internal."""

    note: Literal["resolution", "internal", "customer"] = "resolution"


#: What is done about an active walk when the PSA changes its ticket: nothing, say so once, or end the walk.
Reaction = Literal["ignore", "flag", "abandon"]


class Limits(BaseModel):
    """How much of the PSA this service may use. Not given: what its provider says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls_per_minute: int | None = Field(None, ge=1, le=100_000)


class Rules(BaseModel):
    """A connection's rules in order; the first that fits decides."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: list[Rule] = Field(default_factory=list)
    on_resolve: OnResolve = Field(default_factory=OnResolve)
    on_escalate: OnEscalate = Field(default_factory=OnEscalate)
    on_psa_close: Reaction = "flag"
    on_psa_merge: Reaction = "flag"
    on_psa_reassign: Reaction = "flag"
    limits: Limits = Field(default_factory=Limits)

    def first_fit(self, ticket: TicketFacts) -> Rule | None:
        """Return the first rule that fits, or None."""
        return next((rule for rule in self.rules if rule.when.fits(ticket)), None)


def parse_rules(document: Any) -> Rules:
    """Read rules from a document. Raises ValueError with one plain sentence that names the place."""
    try:
        return Rules.model_validate(document or {})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{place}: {message}" if place else message) from None
