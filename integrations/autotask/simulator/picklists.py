"""The simulated tenant's picklists and people. Queues and types come into being when first named."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from integrations.autotask.simulator.errors import RefusedError, unknown_reference

NEW, COMPLETE = 1, 5
RETIRED = "Retired"
STATUSES = {
    NEW: "New",
    COMPLETE: "Complete",
    7: "Waiting Customer",
    8: "In Progress",
    11: "Escalated",
    12: RETIRED,
}
QUEUES = {29_682_833: "Help Desk", 29_683_378: "Network"}
PRIORITIES = {1: "High", 2: "Medium", 3: "Low"}
TICKET_TYPES = {1: "Service Request", 2: "Incident", 3: "Problem", 4: "Change Request", 5: "Alert"}
NOTE_TYPES = {
    1: "Task Summary", 2: "Task Detail", 3: "Task Notes", 13: "Workflow Rule Note - Task",
    93: "Merged Into Ticket", 94: "Ticket Absorbed", 99: "RMM Note",
}  # fmt: skip
PUBLISH = {1: "All Autotask Users", 2: "Internal Project Team"}

#: Fields that may stand in a callout; Autotask shows the list as a picklist of `fieldID`.
WEBHOOK_FIELDS = {
    "Ticket": {
        1: "title", 2: "status", 3: "priority", 4: "queueID", 5: "ticketType", 6: "assignedResourceID",
        7: "companyID", 8: "ticketNumber",
    },
    "TicketNote": {1: "title", 2: "description", 3: "publish", 4: "noteType", 5: "ticketID"},
}  # fmt: skip

#: Never given twice, also after a reset: who remembers the names of another test is not misled.
_fresh = count(40_000_000)


@dataclass(frozen=True, slots=True)
class Resource:
    """A person, or an API user. `role_ids` are the roles they may enter time under."""

    id: int
    user_name: str
    name: str
    role_ids: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        first, _, last = self.name.partition(" ")
        return {
            "id": self.id,
            "userName": self.user_name,
            "email": f"{self.user_name}@acme.example",
            "firstName": first,
            "lastName": last,
            "isActive": True,
        }


ROLE = 29_683_466
API_RESOURCE = Resource(29_682_901, "ticketwalk", "API User")
SYSTEM = Resource(4, "Autotask Administrator", "Autotask Administrator")
RESOURCES = (
    SYSTEM,
    Resource(29_682_885, "jdoe", "Jane Doe", (ROLE,)),
    Resource(29_682_886, "asmith", "Alex Smith", (ROLE,)),
    API_RESOURCE,
)


class Picklists:
    """The values of each field, by label."""

    def __init__(self) -> None:
        self.by_field: dict[str, dict[int, str]] = {
            "status": dict(STATUSES),
            "queueID": dict(QUEUES),
            "priority": dict(PRIORITIES),
            "ticketType": dict(TICKET_TYPES),
        }

    def value(self, field: str, label: str) -> int:
        """Return the value of that label; a new one for every field but the status."""
        values = self.by_field[field]
        for value, known in values.items():
            if known == label:
                return value
        if field == "status":
            raise invalid(field)
        value = next(_fresh)
        values[value] = label
        return value

    def require(self, given: dict[str, Any]) -> None:
        """Refuse a value that its picklist does not have."""
        for field, values in {**self.by_field, "noteType": NOTE_TYPES, "publish": PUBLISH}.items():
            if field in given and given[field] not in values:
                raise invalid(field)


def invalid(field: str) -> RefusedError:
    return RefusedError(f"Value of field {field} does not exist or is invalid. ; on record number [1].")


def fresh_id() -> int:
    """Return an id that no other record of this process has had."""
    return next(_fresh)


def resource(member: str | int) -> Resource:
    """Return the resource by user name or id."""
    for known in RESOURCES:
        if member in {known.user_name, known.id, str(known.id)}:
            return known
    raise unknown_reference("resourceID", "Resource")


def picklist(values: dict[int, str]) -> Iterator[dict[str, Any]]:
    """Values as the API shows them: numbers as texts."""
    for order, (value, label) in enumerate(values.items(), 1):
        yield {
            "value": str(value),
            "label": label,
            "isDefaultValue": False,
            "sortOrder": order,
            "isActive": label != RETIRED,
            "isSystem": value in {NEW, COMPLETE},
        }
