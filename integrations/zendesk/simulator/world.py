"""The simulated Zendesk: its records, and the events of what happens to them."""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from integrations.zendesk.mapping import STATUSES
from integrations.zendesk.simulator.bodies import TicketChanges, WebhookBody
from integrations.zendesk.simulator.errors import invalid, missing
from integrations.zendesk.simulator.records import Comment, Named, Person, Ticket, Webhook

FIRST_TICKET_ID = 35_436
#: Bytes of a comment.
MAX_COMMENT = 65_535

GROUP = Named(701, "Support")
AGENTS = (
    Person(101, "Jane Doe", "jdoe@acme.example"),
    Person(102, "Alex Smith", "asmith@acme.example"),
    Person(103, "ticketwalk", "ticketwalk@acme.example", "admin"),
)
API_USER = AGENTS[-1]
REQUESTER = Person(201, "Bob", "bob@customer.example", "end-user")

#: Called with the event's name, the ticket, who did it, and what the event says of it.
Announce = Callable[[str, Ticket, Person, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the simulator lets in. `signing_secret`: every webhook has it, instead of one of its own."""

    email: str = API_USER.email
    api_token: str = field(default="simulated-zendesk-api-token", repr=False)
    signing_secret: str | None = field(default=None, repr=False)

    @property
    def credentials(self) -> dict[str, str]:
        return {"email": self.email, "api_token": self.api_token}


class World:
    """All records. Every method is one step under a lock; events are announced outside of it."""

    def __init__(self, identity: Identity | None = None) -> None:
        self.identity = identity or Identity()
        self.announce: Announce = lambda *_: None
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget every record but agents and the group."""
        with self._lock:
            self._tickets: dict[int, Ticket] = {}
            self._organizations: dict[str, Named] = {}
            self._customers: dict[str, Person] = {REQUESTER.name: REQUESTER}
            self.webhooks: dict[str, Webhook] = {}
            self._ticket_ids, self._ids = count(FIRST_TICKET_ID), count(1_000)

    def tickets(self) -> list[Ticket]:
        with self._lock:
            return list(self._tickets.values())

    def ticket(self, ticket_id: int) -> Ticket:
        """Return the ticket; a deleted one is not found."""
        with self._lock:
            ticket = self._tickets.get(ticket_id)
        if ticket is None or ticket.deleted:
            raise missing()
        return ticket

    def create(self, subject: str, by: Person, **fields: Any) -> Ticket:
        """Create a ticket; its subject is also its description, a comment of the requester's."""
        organization = fields.pop("organization", None)
        now = _now()
        with self._lock:
            ticket = Ticket(
                id=next(self._ticket_ids),
                subject=subject,
                group=GROUP,
                requester=REQUESTER,
                created_at=now,
                updated_at=now,
                organization=self._organization(organization),
                **fields,
            )
            self._tickets[ticket.id] = ticket
            self._add(ticket, subject, public=True, author=REQUESTER)
        self.announce("created", ticket, by, {})
        return ticket

    def update(self, ticket_id: int, changes: TicketChanges, by: Person) -> Comment | None:
        """Add a comment, set a status, or both. A closed ticket takes neither."""
        with self._lock:
            ticket = self.ticket(ticket_id)
            if ticket.status == "closed":
                raise invalid("status", "Status: closed prevents ticket update")
            comment = None
            if changes.comment:
                comment = self._add(ticket, changes.comment.body, public=changes.comment.public, author=by)
            before, ticket.status = ticket.status, changes.status or ticket.status
            ticket.updated_at = _now()
        if comment:
            self.announce("comment_added", ticket, by, {"comment": {"id": str(comment.id)}})
        if ticket.status != before:
            self.announce("status_changed", ticket, by, {"previous": before.upper()})
        return comment

    def redact(self, ticket_id: int, comment_id: int, text: str, by: Person) -> None:
        """Change a comment in the one way there is: agents redact parts of it."""
        with self._lock:
            ticket = self.ticket(ticket_id)
            comment = next((one for one in ticket.comments if one.id == comment_id), None)
            if comment is None:
                raise missing()
            comment.body = text
            ticket.updated_at = _now()
        self.announce("comment_redacted", ticket, by, {"comment": {"id": str(comment_id)}})

    def assign(self, ticket_id: int, to: Person, by: Person) -> None:
        with self._lock:
            ticket = self.ticket(ticket_id)
            ticket.assignee, ticket.updated_at = to, _now()
        self.announce("agent_assignment_changed", ticket, by, {"current": str(to.id)})

    def merge(self, ticket_id: int, into: int, by: Person) -> None:
        """Close the ticket with a comment, and tell so in the other one, as Zendesk does."""
        with self._lock:
            ticket, target = self.ticket(ticket_id), self.ticket(into)
            self._add(
                ticket, f"This request was closed and merged into request #{into}.", public=False, author=by
            )
            self._add(
                target, f"Request #{ticket_id} was closed and merged into this one.", public=False, author=by
            )
            ticket.status, ticket.tags = "closed", [*ticket.tags, "closed_by_merge"]
            ticket.updated_at = target.updated_at = _now()
        self.announce("merged", ticket, by, {"target_ticket_id": str(into)})
        self.announce("comment_added", target, by, {})

    def delete(self, ticket_id: int, by: Person) -> None:
        with self._lock:
            ticket = self.ticket(ticket_id)
            ticket.deleted, ticket.updated_at = True, _now()
        self.announce("soft_deleted", ticket, by, {})

    def register(self, body: WebhookBody) -> Webhook:
        """Add a webhook, with a signing secret that Zendesk makes. Several may have one address."""
        with self._lock:
            secret = self.identity.signing_secret or secrets.token_urlsafe(40)
            webhook = Webhook(f"01TW{next(self._ids):022d}", body, secret)
            self.webhooks[webhook.id] = webhook
        return webhook

    def customer(self, name: str) -> Person:
        with self._lock:
            email = f"{name.casefold()}@customer.example"
            return self._customers.setdefault(name, Person(next(self._ids), name, email, "end-user"))

    def _add(self, ticket: Ticket, body: str, *, public: bool, author: Person) -> Comment:
        if len(body.encode()) > MAX_COMMENT:
            raise invalid("comment", "Comment: is too long")
        comment = Comment(next(self._ids), body, public, author, _now())
        ticket.comments.append(comment)
        return comment

    def _organization(self, name: str | None) -> Named | None:
        return self._organizations.setdefault(name, Named(next(self._ids), name)) if name else None


def agent_named(name: str) -> Person:
    """Return the agent by e-mail address, or by what stands in front of the @."""
    for agent in AGENTS:
        if name.casefold() in {agent.email, agent.email.partition("@")[0]}:
            return agent
    raise invalid("assignee", "Assignee: is not valid")


def status_named(name: str) -> str:
    """Return the status as the API writes it, by the name people see."""
    wire = {known.casefold(): written for known, written in STATUSES.items()}.get(name.casefold())
    if wire is None:
        raise invalid("status", "Status: is not valid")
    return wire


def _now() -> datetime:
    return datetime.now(UTC)
