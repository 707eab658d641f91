"""The simulator's records and how ConnectWise shows them as JSON."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from integrations.connectwise.simulator.bodies import CallbackBody, TimeBody


@dataclass(frozen=True, slots=True)
class Named:
    """A record that is only referred to: board, type, priority, company."""

    id: int
    name: str

    def reference(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name}


@dataclass(frozen=True, slots=True)
class BoardStatus:
    """A status of one board; ids differ between boards, names repeat."""

    id: int
    name: str
    board_id: int
    closes: bool = False
    inactive: bool = False

    def as_json(self) -> dict[str, Any]:
        flags = {"closedStatus": self.closes, "inactive": self.inactive}
        return {"id": self.id, "name": self.name, "boardId": self.board_id, **flags}


@dataclass(frozen=True, slots=True)
class Member:
    id: int
    identifier: str
    name: str

    def reference(self) -> dict[str, Any]:
        return {"id": self.id, "identifier": self.identifier, "name": self.name}


@dataclass(slots=True)
class Ticket:
    id: int
    summary: str
    board: Named
    status: BoardStatus
    entered_at: datetime
    updated_at: datetime
    updated_by: str
    type: Named | None = None
    priority: Named | None = None
    company: Named | None = None
    owner: Member | None = None
    merged_parent: Named | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "summary": self.summary,
            "recordType": "ServiceTicket",
            "board": self.board.reference(),
            "status": {"id": self.status.id, "name": self.status.name},
            "type": self.type.reference() if self.type else None,
            "priority": self.priority.reference() if self.priority else None,
            "company": self.company.reference() if self.company else None,
            "owner": self.owner.reference() if self.owner else None,
            "resources": self.owner.identifier if self.owner else None,
            "closedFlag": self.status.closes,
            "mergedParentTicket": _ticket_reference(self.merged_parent),
            "_info": {
                "dateEntered": stamp(self.entered_at),
                "lastUpdated": stamp(self.updated_at),
                "updatedBy": self.updated_by,
            },
        }


@dataclass(slots=True)
class Note:
    id: int
    ticket_id: int
    text: str
    created_by: str
    created_at: datetime
    flags: dict[str, bool] = field(default_factory=dict)
    member: Member | None = None
    contact: Named | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "ticketId": self.ticket_id,
            "text": self.text,
            **self.flags,
            "member": self.member.reference() if self.member else None,
            "contact": self.contact.reference() if self.contact else None,
            "dateCreated": stamp(self.created_at),
            "createdBy": self.created_by,
            "_info": {"lastUpdated": stamp(self.created_at), "updatedBy": self.created_by},
        }


@dataclass(slots=True)
class TimeEntry:
    id: int
    body: TimeBody
    member: Member | None
    entered_by: str
    entered_at: datetime

    def as_json(self) -> dict[str, Any]:
        return {
            **self.body.model_dump(by_alias=True),
            "id": self.id,
            "actualHours": self.body.hours(),
            "member": self.member.reference() if self.member else None,
            "enteredBy": self.entered_by,
            "dateEntered": stamp(self.entered_at),
            "_info": {"lastUpdated": stamp(self.entered_at), "updatedBy": self.entered_by},
        }


@dataclass(slots=True)
class Callback:
    """A registered callback. `failing_since` is when the first of its failures in a row was, in seconds."""

    id: int
    body: CallbackBody
    member_id: int
    failing_since: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {**self.body.model_dump(by_alias=True), "id": self.id, "memberId": self.member_id}

    def wants(self, ticket: dict[str, Any] | None, ticket_id: int, *, own: bool) -> bool:
        """Return whether it is for this ticket; `own`: the API member made the change."""
        if self.body.inactive_flag or (self.body.is_self_suppressed_flag and own):
            return False
        level, wanted = self.body.level.lower(), self.body.object_id
        if level == "owner":
            return True
        if level == "ticket":
            return wanted == ticket_id
        return ticket is not None and ticket[level]["id"] == wanted


def _ticket_reference(ticket: Named | None) -> dict[str, Any] | None:
    return {"id": ticket.id, "summary": ticket.name} if ticket else None


def stamp(moment: datetime) -> str:
    """ConnectWise shows UTC with whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
