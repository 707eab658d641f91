"""The closed sets of words that the store, the wire and the command line share."""

from enum import StrEnum


class TicketKind(StrEnum):
    """Where a ticket lives: in the PSA, or only in this service."""

    PSA = "psa"
    INTERNAL = "internal"


class TicketStatus(StrEnum):
    """What this service knows of a ticket's end; the PSA's own status is the PSA's."""

    OPEN = "open"
    CLOSED = "closed"
    ESCALATED = "escalated"


class SessionKind(StrEnum):
    """What guides the walk."""

    FLOW = "flow"
    PROPOSAL = "proposal"
    ADHOC = "adhoc"


class SessionStatus(StrEnum):
    """Active, or one of the three outcomes. Closed is closed."""

    ACTIVE = "active"
    RESOLVED = "resolved"
    ESCALATED = "escalated"
    ABANDONED = "abandoned"


class Role(StrEnum):
    """What a user is in the account."""

    L1_TECH = "l1_tech"
    ENGINEER = "engineer"
    OWNER = "owner"


class ActingAs(StrEnum):
    """In whose place a user walks; an L1 technician walks as themself."""

    L1_COVERAGE = "l1_coverage"


class CommandType(StrEnum):
    """The wire name of each intended change; also the name of the task that carries it out."""

    START_FLOW = "session.start_flow"
    START_PROPOSAL = "session.start_proposal"
    START_ADHOC = "session.start_adhoc"
    RECORD_STEP = "step.record"
    WITHDRAW_STEP = "step.withdraw"
    SAVE_NOTES = "notes.save"
    RESOLVE = "session.resolve"
    ESCALATE = "session.escalate"
    ESCALATE_WITHOUT_WALK = "session.escalate_without_walk"
    ABANDON = "session.abandon"
    ADD_TICKET_NOTES = "notes.add_from_ticket"


class CommandState(StrEnum):
    """Where a command stands."""

    PENDING = "pending"
    APPLIED = "applied"
    REFUSED = "refused"
    PARKED = "parked"


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    INTERPRETED = "interpreted"
    IGNORED = "ignored"
    REFUSED = "refused"
    PARKED = "parked"


class OutboxState(StrEnum):
    """Where an outbox entry stands. `sending` is committed before the call, so a death there is `unknown`."""

    PENDING = "pending"
    SENDING = "sending"
    UNKNOWN = "unknown"
    SENT = "sent"
    PARKED = "parked"
    DISCARDED = "discarded"


class OutboxKind(StrEnum):
    """What an outbox entry tells the PSA."""

    NOTE = "note"
    TIME = "time"
    STATUS = "status"


class Outcome(StrEnum):
    """What a task says it did."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    PARKED = "parked"
    WAITING = "waiting"
