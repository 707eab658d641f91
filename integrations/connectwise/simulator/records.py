"""The simulator's records and how ConnectWise shows them as JSON."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


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


def stamp(moment: datetime) -> str:
    """ConnectWise shows UTC with whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
