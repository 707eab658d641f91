"""What stands in the simulated HaloPSA from the start: agents, teams, statuses, outcomes, events."""

from collections.abc import Iterable
from enum import IntEnum
from typing import TypeVar

from integrations.halopsa.simulator.errors import missing
from integrations.halopsa.simulator.records import CLOSED_STATUS_ID, Action, Agent, Named

Kept = TypeVar("Kept", Named, Agent, Action)

UNASSIGNED = Agent(1, "unassigned", "Unassigned")
JDOE = Agent(17, "jdoe", "Jane Doe")
ASMITH = Agent(18, "asmith", "Alex Smith")
API_AGENT = Agent(20, "ticketwalk", "ticketwalk API")
AGENTS = (UNASSIGNED, JDOE, ASMITH, API_AGENT)
APPLICATION = "ticketwalk"

#: The API agent is a member of the first two: tickets of the third do not exist for it.
TEAMS = (Named(1, "Help Desk"), Named(2, "Network"), Named(3, "Security"))
API_TEAMS = frozenset({1, 2})

STATUSES = (
    Named(1, "New"),
    Named(2, "In Progress"),
    Named(4, "Waiting Customer"),
    Named(21, "Escalated"),
    Named(CLOSED_STATUS_ID, "Closed"),
)

PRIVATE_NOTE, EMAIL_USER, REMOTE = Named(7, "Private Note"), Named(16, "Email User"), Named(23, "Remote")
FIRST_USER_EMAIL = Named(1, "First User Email")
OUTCOMES = (FIRST_USER_EMAIL, PRIVATE_NOTE, EMAIL_USER, REMOTE)
#: Those whose workflow step the API agent may run.
API_OUTCOMES = frozenset({PRIVATE_NOTE.id, EMAIL_USER.id})


class EventNumber(IntEnum):
    """Notification events by number; that of Ticket Changed is not published, and made up here."""

    NEW_TICKET_LOGGED = 3
    TICKET_UPDATED_BY_USER = 19
    CLOSED = 39
    TICKET_STATUS_CHANGED = 76
    TICKET_DELETED = 1072
    TICKET_CHANGED = 1900

    @property
    def text(self) -> str:
        return self.name.lower().replace("_", " ")


def find(records: Iterable[Kept], record_id: int, resource: str) -> Kept:
    """Return the record of that number, or raise HaloPSA's refusal."""
    found = numbered(records, record_id)
    if found is None:
        raise missing(resource, record_id)
    return found


def numbered(records: Iterable[Kept], record_id: int | None) -> Kept | None:
    return next((record for record in records if record.id == record_id), None)
