"""The simulator running: in the foreground for the command line, in a thread for tests."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from integrations.connectwise.simulator.app import create_app
from integrations.connectwise.simulator.bodies import CallbackBody
from integrations.connectwise.simulator.callbacks import Callbacks, CallbackSettings, Delivery
from integrations.connectwise.simulator.control import NewNote, NewTicket, Technician, state_of
from integrations.connectwise.simulator.directory import API_MEMBER
from integrations.connectwise.simulator.registration import register
from integrations.connectwise.simulator.world import Identity, World
from integrations.ports import Link
from integrations.simulation.faults import Fault, FaultBook, FaultKind
from integrations.simulation.rate_limit import RateLimit
from integrations.simulation.server import RunningServer, bound_socket, serve_forever, url_of
from integrations.simulation.technician import TECHNICIAN, Assignment, Merge, NewStatus, NewText
from integrations.simulation.traffic import LoggedRequest, RequestLog

#: A callback with both retries takes 6 s and three time-outs; a loaded machine a little more.
DELIVERY_SECONDS = 30.0
CLIENT_ID = "3f1c7f0e-0000-4000-8000-5a1b2c3d4e5f"


def serve(port: int, host: str = "127.0.0.1", ready: Callable[[str], None] = lambda _url: None) -> None:
    """Serve a fresh simulator until it is interrupted. `ready` gets its URL once it answers."""
    with bound_socket(host, port) as bound:
        url = url_of(bound)
        world = World()
        callbacks = Callbacks(world, url)
        app = create_app(world, callbacks, FaultBook(), RequestLog(), RateLimit())
        try:
            serve_forever(app, bound, lambda: ready(url))
        finally:
            callbacks.stop()


class RunningSimulator:
    """A ConnectWise on a free loopback port while the context is open, with its state at hand."""

    def __init__(
        self, *, identity: Identity | None = None, retry_delays_seconds: tuple[float, ...] = (2.0, 4.0)
    ) -> None:
        bound = bound_socket()
        self.base_url = url_of(bound)
        self.world = World(identity)
        self.faults = FaultBook()
        self.log = RequestLog()
        self.limit = RateLimit()
        settings = CallbackSettings(retry_delays_seconds=retry_delays_seconds)
        self.callbacks = Callbacks(self.world, self.base_url, settings)
        self._technician = Technician(self.world)
        app = create_app(self.world, self.callbacks, self.faults, self.log, self.limit)
        self._server = RunningServer(app, bound)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.callbacks.stop()
        self._server.__exit__(kind, error, trace)

    def reset(self) -> None:
        """Forget records, callbacks, faults, limits, requests and deliveries; make a new signing key."""
        self.wait_for_deliveries()
        self.limit.allow(None)
        self.set_webhooks(on=True)
        self.world.reset()
        self.callbacks.clear()
        self.faults.clear()
        self.log.clear()

    @property
    def credentials(self) -> dict[str, str]:
        """What `connection add --credential` takes to be let in."""
        identity = self.world.identity
        return {
            "company": identity.company,
            "public_key": identity.public_key,
            "private_key": identity.private_key,
            "client_id": CLIENT_ID,
            "api_member": API_MEMBER,
        }

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """None: ConnectWise serves its signing keys itself."""
        return ()

    def link(self, connection_id: str = "connection-1", **credentials: str) -> Link:
        """Return a link to this simulator; `credentials` replace its own."""
        return Link(
            connection_id=connection_id,
            base_url=self.base_url,
            credentials={**self.credentials, **credentials},
            allow_private_hosts=True,
        )

    def create_ticket(self, summary: str = "VPN down", **fields: str) -> str:
        """Create a ticket as a technician and return its id. Fields: those of control.NewTicket."""
        new = NewTicket.model_validate({"summary": summary, **fields})
        return str(self._technician.create_ticket(new)["id"])

    def add_note(
        self, ticket_id: str, text: str, *, member: str = TECHNICIAN, contact: str | None = None
    ) -> str:
        """Add a note as a member, or as a customer's contact, and return its id."""
        new = NewNote(text=text, member=member, contact=contact)
        return str(self._technician.add_note(int(ticket_id), new)["id"])

    def edit_note(self, ticket_id: str, note_id: str, text: str, *, member: str = TECHNICIAN) -> None:
        self._technician.edit_note(int(ticket_id), int(note_id), NewText(text=text, member=member))

    def delete_note(self, ticket_id: str, note_id: str, *, member: str = TECHNICIAN) -> None:
        self.world.delete_note(int(ticket_id), int(note_id), member)

    def set_status(self, ticket_id: str, status: str, *, member: str = TECHNICIAN) -> None:
        self._technician.set_status(int(ticket_id), NewStatus(status=status, member=member))

    def assign(self, ticket_id: str, assigned_to: str, *, member: str = TECHNICIAN) -> None:
        self._technician.assign(int(ticket_id), Assignment(assigned_to=assigned_to, member=member))

    def delete_ticket(self, ticket_id: str, *, member: str = TECHNICIAN) -> None:
        self.world.delete_ticket(int(ticket_id), member)

    def merge_ticket(self, ticket_id: str, into: str, *, member: str = TECHNICIAN) -> None:
        self._technician.merge(int(ticket_id), Merge(into=int(into), member=member))

    def note_texts(self, ticket_id: str) -> list[str]:
        """Return the texts of the ticket's notes as they stand, oldest first."""
        return [note["text"] for note in self.notes(ticket_id)]

    def status_of(self, ticket_id: str) -> str:
        """Return the name of the ticket's status."""
        return str(self.ticket(ticket_id)["status"]["name"])

    def time_entries(self, ticket_id: str) -> list[dict[str, Any]]:
        """Return the ticket's time entries as the API shows them."""
        return [entry for entry in self.world.time_entries() if entry["chargeToId"] == int(ticket_id)]

    def ticket(self, ticket_id: str) -> dict[str, Any]:
        return self.world.ticket(int(ticket_id))

    def notes(self, ticket_id: str) -> list[dict[str, Any]]:
        return self.world.notes(int(ticket_id))

    def state(self) -> dict[str, Any]:
        return state_of(self.world)

    def register_callback(self, url: str, *, self_suppressed: bool = False) -> int:
        """Register for every ticket. The record's id is appended to the URL, so it ends with `=`."""
        target = url if "?" in url else f"{url}?recordId="
        flags = {"isSelfSuppressedFlag": self_suppressed}
        body = {"url": target, "objectId": 1, "type": "ticket", "level": "owner", **flags}
        return register(self.world, CallbackBody.model_validate(body)).id

    def set_webhooks(self, *, on: bool) -> None:
        """Fire no callbacks, as in an outage between ConnectWise and the service; or fire them again."""
        self.callbacks.settings.on = on

    def limit_calls(self, per_minute: int | None) -> None:
        """Answer 429 beyond this many API calls in any 60 seconds; None: no limit."""
        self.limit.allow(per_minute)

    def fault(self, kind: FaultKind | str, *, method: str = "*", path: str = "*", **options: Any) -> None:
        """Ask for a fault. Options: the other fields of simulation.faults.Fault."""
        self.faults.add(Fault.model_validate({"kind": kind, "method": method, "path": path, **options}))

    def requests(self, method: str = "*", path_part: str = "") -> list[LoggedRequest]:
        return self.log.all(method, path_part)

    def deliveries(self) -> list[Delivery]:
        return self.callbacks.all()

    def wait_for_deliveries(self, timeout_seconds: float = DELIVERY_SECONDS) -> list[Delivery]:
        """Wait until every callback got its last answer. Raises TimeoutError."""
        if not self.callbacks.wait_until_done(timeout_seconds):
            raise TimeoutError("callbacks are still being delivered")
        return self.callbacks.all()
