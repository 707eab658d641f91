"""The simulator running: in the foreground for the command line, in a thread for tests."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from integrations.autotask.simulator.app import create_app, make_parts
from integrations.autotask.simulator.callouts import RETRY_DELAYS_SECONDS, CalloutSettings
from integrations.autotask.simulator.control import NewNote, NewTicket, Technician, state_of
from integrations.autotask.simulator.messages import Delivery
from integrations.autotask.simulator.picklists import API_RESOURCE, ROLE
from integrations.autotask.simulator.world import Identity
from integrations.ports import Link
from integrations.simulation.faults import Fault, FaultKind
from integrations.simulation.server import RunningServer, bound_socket, serve_forever, url_of
from integrations.simulation.technician import TECHNICIAN, Assignment, Merge, NewStatus, NewText
from integrations.simulation.traffic import LoggedRequest

#: A callout with all its retries takes 2 minutes and five time-outs; tests shorten both.
DELIVERY_SECONDS = 30.0
WEBHOOK_SECRET = "autotask-webhook-secret"  # noqa: S105 (the simulator's own, in every test)


def serve(port: int, host: str = "127.0.0.1", ready: Callable[[str], None] = lambda _url: None) -> None:
    """Serve a fresh simulator until it is interrupted. `ready` gets its URL once it answers."""
    with bound_socket(host, port) as bound:
        url = url_of(bound)
        parts = make_parts(url)
        app = create_app(parts, url)
        try:
            serve_forever(app, bound, lambda: ready(url))
        finally:
            parts.callouts.stop()


class RunningSimulator:
    """An Autotask on a free loopback port while the context is open, with its state at hand."""

    def __init__(
        self,
        *,
        identity: Identity | None = None,
        retry_delays_seconds: tuple[float, ...] = RETRY_DELAYS_SECONDS,
    ) -> None:
        bound = bound_socket()
        self.base_url = url_of(bound)
        settings = CalloutSettings(retry_delays_seconds=retry_delays_seconds)
        self.parts = make_parts(self.base_url, settings, identity)
        self.world = self.parts.world
        self.callouts = self.parts.callouts
        self._technician = Technician(self.world)
        self._server = RunningServer(create_app(self.parts, self.base_url), bound)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.callouts.stop()
        self._server.__exit__(kind, error, trace)

    def reset(self) -> None:
        """Forget records, webhooks, faults, requests and deliveries; no limits but Autotask's own."""
        self.wait_for_deliveries()
        self.parts.reset()

    @property
    def credentials(self) -> dict[str, str]:
        """What `connection add --credential` takes to be let in."""
        identity = self.world.identity
        return {
            "integration_code": identity.integration_code,
            "username": identity.username,
            "secret": identity.secret,
            "api_resource_id": str(API_RESOURCE.id),
            "time_role_id": str(ROLE),
        }

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """What `connection add --webhook-secret` takes."""
        return (WEBHOOK_SECRET,)

    def link(self, connection_id: str = "connection-1", **credentials: str) -> Link:
        """Return a link to this simulator; `credentials` replace its own."""
        return Link(
            connection_id=connection_id,
            base_url=self.base_url,
            credentials={**self.credentials, **credentials},
            webhook_secrets=self.webhook_secrets,
            allow_private_hosts=True,
        )

    def create_ticket(self, summary: str = "VPN down", **fields: str) -> str:
        """Create a ticket as a technician and return its id. Fields: those of control.NewTicket."""
        new = NewTicket.model_validate({"summary": summary, **fields})
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
        """Add a note as a member, or as a customer's contact, and return its id."""
        new = NewNote(text=text, member=member, contact=contact, **fields)
        return str(self._technician.add_note(int(ticket_id), new)["id"])

    def edit_note(self, ticket_id: str, note_id: str, text: str, *, member: str = TECHNICIAN) -> None:
        self._technician.edit_note(int(ticket_id), int(note_id), NewText(text=text, member=member))

    def delete_note(self, ticket_id: str, note_id: str, *, member: str = TECHNICIAN) -> None:
        """In the screens only: the API has no such call."""
        self._technician.delete_note(int(ticket_id), int(note_id), member)

    def set_status(self, ticket_id: str, status: str, *, member: str = TECHNICIAN) -> None:
        self._technician.set_status(int(ticket_id), NewStatus(status=status, member=member))

    def assign(self, ticket_id: str, assigned_to: str, *, member: str = TECHNICIAN) -> None:
        self._technician.assign(int(ticket_id), Assignment(assigned_to=assigned_to, member=member))

    def delete_ticket(self, ticket_id: str, *, member: str = TECHNICIAN) -> None:
        self._technician.delete_ticket(int(ticket_id), member)

    def merge_ticket(self, ticket_id: str, into: str, *, member: str = TECHNICIAN) -> None:
        self._technician.merge(int(ticket_id), Merge(into=int(into), member=member))

    def notes(self, ticket_id: str) -> list[dict[str, Any]]:
        """Return the ticket's notes as the API shows them, oldest first."""
        return [note for note in self.world.records("TicketNotes") if note["ticketID"] == int(ticket_id)]

    def note_texts(self, ticket_id: str) -> list[str]:
        return [note["description"] for note in self.notes(ticket_id)]

    def status_of(self, ticket_id: str) -> str:
        ticket = self.world.ticket(int(ticket_id)) or {}
        return self.world.picklists.by_field["status"][ticket["status"]]

    def time_entries(self, ticket_id: str) -> list[dict[str, Any]]:
        return [entry for entry in self.world.records("TimeEntries") if entry["ticketID"] == int(ticket_id)]

    def state(self) -> dict[str, Any]:
        return state_of(self.world)

    def set_webhooks(self, *, on: bool) -> None:
        """Lose every callout, as in an outage between Autotask and the receiver; or send them again."""
        self.callouts.on = on

    def limit_calls(self, per_minute: int | None) -> None:
        """Answer 429 beyond this many API calls in any 60 seconds; None: no limit."""
        self.parts.limit.allow(per_minute)

    def fault(self, kind: FaultKind | str, *, method: str = "*", path: str = "*", **options: Any) -> None:
        """Ask for a fault. Options: the other fields of simulation.faults.Fault."""
        fault = Fault.model_validate({"kind": kind, "method": method, "path": path, **options})
        self.parts.faults.add(fault)

    def requests(self, method: str = "*", path_part: str = "") -> list[LoggedRequest]:
        return self.parts.log.all(method, path_part)

    def wait_for_deliveries(self, timeout_seconds: float = DELIVERY_SECONDS) -> list[Delivery]:
        """Wait until every callout got its last answer. Raises TimeoutError."""
        if not self.callouts.wait_until_done(timeout_seconds):
            raise TimeoutError("callouts are still being delivered")
        return self.callouts.all()
