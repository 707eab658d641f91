"""A simulator running: in the foreground for the command line, in a thread for tests."""

import socket
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from starlette.types import ASGIApp

from integrations.ports import Link
from integrations.simulation.faults import Fault, FaultBook, FaultKind
from integrations.simulation.parts import Parts
from integrations.simulation.rate_limit import RateLimit
from integrations.simulation.sending import Delivery
from integrations.simulation.server import RunningServer, bound_socket, serve_forever, url_of
from integrations.simulation.stand_in import StandIn
from integrations.simulation.technician import (
    TECHNICIAN,
    Assignment,
    Merge,
    NewNote,
    NewStatus,
    NewText,
    NewTicket,
    Technician,
)
from integrations.simulation.traffic import LoggedRequest, RequestLog

#: A delivery with all its retries takes a few time-outs; a loaded machine a little more.
DELIVERY_SECONDS = 60.0

SomeParts = TypeVar("SomeParts", bound=Parts[Any, Any])


def serve_parts(
    make: Callable[[str], Parts[Any, Any]], port: int, host: str, ready: Callable[[str], None]
) -> None:
    """Serve what `make` returns for its URL until it is interrupted. `ready` gets the URL once it answers."""
    with bound_socket(host, port) as bound:
        url = url_of(bound)
        parts = make(url)
        try:
            serve_forever(parts.app(), bound, lambda: ready(url))
        finally:
            parts.deliveries.stop()


class Running:
    """A simulator on a loopback port while the context is open; its faults, requests and limit at hand."""

    def __init__(
        self, app: ASGIApp, bound: socket.socket, *, faults: FaultBook, log: RequestLog, limit: RateLimit
    ) -> None:
        self.base_url = url_of(bound)
        self.faults, self.log, self.limit = faults, log, limit
        self._server = RunningServer(app, bound)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)

    def limit_calls(self, per_minute: int | None) -> None:
        """Answer 429 beyond this many calls in any 60 seconds; None: no limit."""
        self.limit.allow(per_minute)

    def fault(self, kind: FaultKind | str, *, method: str = "*", path: str = "*", **options: Any) -> None:
        """Ask for a fault. Options: the other fields of simulation.faults.Fault."""
        self.faults.add(Fault.model_validate({"kind": kind, "method": method, "path": path, **options}))

    def requests(self, method: str = "*", path_part: str = "") -> list[LoggedRequest]:
        return self.log.all(method, path_part)


class RunningPsa(Running, Generic[SomeParts, Delivery]):
    """What of a StandIn is the same for every PSA: its own simulator adds the rest.

    Ids are numbers as texts. `new_ticket` and `new_note` are the models that the technician takes.
    """

    new_ticket: type[NewTicket] = NewTicket
    new_note: type[NewNote] = NewNote

    def __init__(self, parts: SomeParts, technician: Technician, bound: socket.socket) -> None:
        super().__init__(parts.app(), bound, faults=parts.faults, log=parts.log, limit=parts.limit)
        self.parts = parts
        self._technician = technician

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.parts.deliveries.stop()
        super().__exit__(kind, error, trace)

    def link(self: StandIn, connection_id: str = "connection-1", **credentials: str) -> Link:
        """Return a link to this simulator; `credentials` replace its own."""
        return Link(
            connection_id=connection_id,
            base_url=self.base_url,
            credentials={**self.credentials, **credentials},
            webhook_secrets=self.webhook_secrets,
            allow_private_hosts=True,
        )

    def create_ticket(self, summary: str = "VPN down", **fields: str) -> str:
        """Create a ticket as a technician and return its id. Fields: those of `new_ticket`."""
        new = self.new_ticket.model_validate({"summary": summary, **fields})
        return str(self._technician.create_ticket(new)["id"])

    def add_note(
        self,
        ticket_id: str,
        text: str,
        *,
        member: str = TECHNICIAN,
        contact: str | None = None,
        **fields: Any,
    ) -> str:
        """Add a note as a member, or as a customer's contact, and return its id. Fields: of `new_note`."""
        new = self.new_note(text=text, member=member, contact=contact, **fields)
        return str(self._technician.add_note(int(ticket_id), new)["id"])

    def edit_note(self, ticket_id: str, note_id: str, text: str, *, member: str = TECHNICIAN) -> None:
        self._technician.edit_note(int(ticket_id), int(note_id), NewText(text=text, member=member))

    def set_status(self, ticket_id: str, status: str, *, member: str = TECHNICIAN) -> None:
        self._technician.set_status(int(ticket_id), NewStatus(status=status, member=member))

    def assign(self, ticket_id: str, assigned_to: str, *, member: str = TECHNICIAN) -> None:
        self._technician.assign(int(ticket_id), Assignment(assigned_to=assigned_to, member=member))

    def merge_ticket(self, ticket_id: str, into: str, *, member: str = TECHNICIAN) -> None:
        self._technician.merge(int(ticket_id), Merge(into=int(into), member=member))

    def delete_ticket(self, ticket_id: str, *, member: str = TECHNICIAN) -> None:
        self._technician.delete_ticket(int(ticket_id), member)

    def deliveries(self) -> list[Delivery]:
        sent: list[Delivery] = self.parts.deliveries.all()
        return sent

    def wait_for_deliveries(self, timeout_seconds: float = DELIVERY_SECONDS) -> list[Delivery]:
        """Wait until every webhook got its last answer. Raises TimeoutError."""
        if not self.parts.deliveries.wait_until_done(timeout_seconds):
            raise TimeoutError("webhooks are still being delivered")
        return self.deliveries()

    def reset(self) -> None:
        """Forget everything, once what is under way has ended."""
        self.wait_for_deliveries()
        self.parts.reset()
