"""What every provider's simulator offers to tests; the contract suite uses nothing else of it."""

from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

from integrations.ports import Link
from integrations.simulation.traffic import LoggedRequest


class StandIn(Protocol):
    """A PSA on a free loopback port while the context is open. Ids are the PSA's own, as texts.

    Whatever a technician does here fires the webhooks that the real PSA would fire, signed as it signs.
    """

    base_url: str

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def credentials(self) -> dict[str, str]:
        """What `connection add --credential` takes to be let in."""

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """What `connection add --webhook-secret` takes; empty where the provider uses none."""

    def link(self, connection_id: str = "connection-1", **credentials: str) -> Link:
        """Return a link to this simulator; `credentials` replace its own."""

    def create_ticket(self, summary: str = "VPN down", **fields: str) -> str:
        """Create a ticket. Fields: board, type, priority, status, company, assigned_to."""

    def add_note(self, ticket_id: str, text: str, *, member: str = ..., contact: str | None = None) -> str:
        """Add a note as a member, or as a customer's contact, and return its id."""

    def edit_note(self, ticket_id: str, note_id: str, text: str, *, member: str = ...) -> None:
        """Change a note's text."""

    def set_status(self, ticket_id: str, status: str, *, member: str = ...) -> None:
        """Set the status by name."""

    def assign(self, ticket_id: str, assigned_to: str, *, member: str = ...) -> None:
        """Assign the ticket to a member."""

    def delete_ticket(self, ticket_id: str, *, member: str = ...) -> None:
        """Delete the ticket."""

    def merge_ticket(self, ticket_id: str, into: str, *, member: str = ...) -> None:
        """Merge the ticket into another one."""

    def note_texts(self, ticket_id: str) -> list[str]:
        """Return the texts of the ticket's notes as they stand, oldest first."""

    def status_of(self, ticket_id: str) -> str:
        """Return the name of the ticket's status."""

    def time_entries(self, ticket_id: str) -> list[dict[str, Any]]:
        """Return the ticket's time entries as the PSA would show them."""

    def set_webhooks(self, *, on: bool) -> None:
        """Stop firing webhooks, as in an outage between the PSA and the service; or fire them again."""

    def limit_calls(self, per_minute: int | None) -> None:
        """Answer 429 beyond this many API calls in any 60 seconds; None: no limit."""

    def fault(self, kind: str, *, method: str = "*", path: str = "*", **options: Any) -> None:
        """Ask for a fault. Options: the other fields of simulation.faults.Fault."""

    def requests(self, method: str = "*", path_part: str = "") -> list[LoggedRequest]:
        """Return the API requests that came, in order."""

    def wait_for_deliveries(self, timeout_seconds: float = ...) -> list[Any]:
        """Wait until every webhook got its last answer. Raises TimeoutError."""

    def reset(self) -> None:
        """Forget everything; make new signing keys where they are the simulator's own."""


@runtime_checkable
class DeletesNotes(Protocol):
    """A stand-in of a PSA in which people can delete notes; not every PSA lets them."""

    def delete_note(self, ticket_id: str, note_id: str, *, member: str = ...) -> None:
        """Delete the note."""
