"""The simulator running: in the foreground for the command line, in a thread for tests."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from integrations.ports import Link
from integrations.simulation.faults import Fault
from integrations.simulation.server import RunningServer, bound_socket, serve_forever, url_of
from integrations.simulation.technician import TECHNICIAN, Assignment, Merge, NewNote, NewStatus, NewText
from integrations.simulation.traffic import LoggedRequest
from integrations.zendesk.mapping import NAMES
from integrations.zendesk.simulator.app import DELIVERY_SECONDS, Parts
from integrations.zendesk.simulator.control import NewTicket, Technician
from integrations.zendesk.simulator.deliveries import Delivery
from integrations.zendesk.simulator.settings import Settings
from integrations.zendesk.simulator.world import Identity, World


def serve(port: int, host: str = "127.0.0.1", ready: Callable[[str], None] = lambda _url: None) -> None:
    """Serve a fresh simulator until it is interrupted. `ready` gets its URL once it answers."""
    with bound_socket(host, port) as bound:
        url, parts = url_of(bound), Parts()
        try:
            serve_forever(parts.app(), bound, lambda: ready(url))
        finally:
            parts.deliveries.stop()


class RunningSimulator:
    """A Zendesk on a free loopback port while the context is open. Its export lists changes at once."""

    def __init__(self, identity: Identity | None = None) -> None:
        bound = bound_socket()
        self.base_url = url_of(bound)
        self.parts = Parts(Settings(export_lag_seconds=0), World(identity))
        self._technician = Technician(self.parts.world)
        self._server = RunningServer(self.parts.app(), bound)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.parts.deliveries.stop()
        self._server.__exit__(kind, error, trace)

    @property
    def credentials(self) -> dict[str, str]:
        return self.parts.world.identity.credentials

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """None: Zendesk makes them, and its API shows them."""
        return ()

    def link(self, connection_id: str = "connection-1", **credentials: str) -> Link:
        """Return a link to this simulator; `credentials` replace its own."""
        given = {**self.credentials, **credentials}
        return Link(connection_id, self.base_url, given, allow_private_hosts=True)

    def create_ticket(self, summary: str = "VPN down", **fields: str) -> str:
        new = NewTicket.model_validate({"summary": summary, **fields})
        return str(self._technician.create_ticket(new)["id"])

    def add_note(
        self, ticket_id: str, text: str, *, member: str = TECHNICIAN, contact: str | None = None
    ) -> str:
        new = NewNote(text=text, member=member, contact=contact)
        return str(self._technician.add_note(int(ticket_id), new)["id"])

    def edit_note(self, ticket_id: str, note_id: str, text: str, *, member: str = TECHNICIAN) -> None:
        """Leave `text` of a comment, in the one way there is: a redaction."""
        self._technician.edit_note(int(ticket_id), int(note_id), NewText(text=text, member=member))

    def set_status(self, ticket_id: str, status: str, *, member: str = TECHNICIAN) -> None:
        self._technician.set_status(int(ticket_id), NewStatus(status=status, member=member))

    def assign(self, ticket_id: str, assigned_to: str, *, member: str = TECHNICIAN) -> None:
        self._technician.assign(int(ticket_id), Assignment(assigned_to=assigned_to, member=member))

    def delete_ticket(self, ticket_id: str, *, member: str = TECHNICIAN) -> None:
        self._technician.delete_ticket(int(ticket_id), member)

    def merge_ticket(self, ticket_id: str, into: str, *, member: str = TECHNICIAN) -> None:
        self._technician.merge(int(ticket_id), Merge(into=int(into), member=member))

    def note_texts(self, ticket_id: str) -> list[str]:
        """Return the texts of the ticket's comments behind its description, oldest first."""
        return [comment.body for comment in self.parts.world.ticket(int(ticket_id)).comments[1:]]

    def status_of(self, ticket_id: str) -> str:
        return NAMES[self.parts.world.ticket(int(ticket_id)).status]

    def time_entries(self, ticket_id: str) -> list[dict[str, Any]]:  # noqa: ARG002 (the port's)
        """Return none: Zendesk has no such records."""
        return []

    def set_webhooks(self, *, on: bool) -> None:
        self.parts.settings.on = on

    def limit_calls(self, per_minute: int | None) -> None:
        self.parts.limit.allow(per_minute)

    def fault(self, kind: str, *, method: str = "*", path: str = "*", **options: Any) -> None:
        fault = {"kind": kind, "method": method, "path": path, **options}
        self.parts.faults.add(Fault.model_validate(fault))

    def requests(self, method: str = "*", path_part: str = "") -> list[LoggedRequest]:
        return self.parts.log.all(method, path_part)

    def wait_for_deliveries(self, timeout_seconds: float = DELIVERY_SECONDS) -> list[Delivery]:
        if not self.parts.deliveries.wait_until_done(timeout_seconds):
            raise TimeoutError("webhooks are still being delivered")
        return self.parts.deliveries.all()

    def reset(self) -> None:
        self.parts.reset()
