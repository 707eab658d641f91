"""The simulator running: in the foreground for the command line, in a thread for tests."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from integrations.halopsa.mapping import action_id, note_id
from integrations.halopsa.simulator.access import TOKEN_SECONDS, Access, Identity
from integrations.halopsa.simulator.app import Parts, create_app
from integrations.halopsa.simulator.bodies import WebhookBody
from integrations.halopsa.simulator.control import NewTicket, Technician, state_of
from integrations.halopsa.simulator.deliveries import BASIC, Delivery, SendingSettings
from integrations.halopsa.simulator.directory import API_AGENT, APPLICATION, EventNumber
from integrations.halopsa.simulator.records import Action, Webhook
from integrations.halopsa.simulator.registration import write_webhook
from integrations.ports import Link
from integrations.simulation.faults import Fault
from integrations.simulation.server import RunningServer, bound_socket, serve_forever, url_of
from integrations.simulation.technician import TECHNICIAN, Assignment, Merge, NewNote, NewStatus, NewText
from integrations.simulation.traffic import LoggedRequest

#: A webhook is sent once, with a time-out of 10 s; a loaded machine takes a little more.
DELIVERY_SECONDS = 30.0
WEBHOOK_SECRET = "ticketwalk:5f0c6e1d-halo-webhook"  # noqa: S105 (the simulator's own)


def serve(port: int, host: str = "127.0.0.1", ready: Callable[[str], None] = lambda _url: None) -> None:
    """Serve a fresh simulator until it is interrupted. `ready` gets its URL once it answers."""
    with bound_socket(host, port) as bound:
        url = url_of(bound)
        parts = Parts()
        try:
            serve_forever(create_app(parts), bound, lambda: ready(url))
        finally:
            parts.deliveries.stop()


class RunningSimulator:
    """A HaloPSA on a free loopback port while the context is open, with its state at hand."""

    def __init__(self, *, identity: Identity | None = None) -> None:
        bound = bound_socket()
        self.base_url = url_of(bound)
        self.parts = Parts(access=Access(identity))
        self.world = self.parts.world
        self._technician = Technician(self.world)
        self._server = RunningServer(create_app(self.parts), bound)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.parts.deliveries.stop()
        self._server.__exit__(kind, error, trace)

    def reset(self) -> None:
        """Forget records, webhooks, tokens, faults, limits, requests and deliveries."""
        self.wait_for_deliveries()
        self.world.reset()
        self.parts.access.revoke_all()
        self.parts.access.token_seconds = TOKEN_SECONDS
        self.parts.deliveries.settings = SendingSettings()
        self.parts.deliveries.clear()
        self.parts.limit.allow(None)
        self.parts.faults.clear()
        self.parts.log.clear()

    @property
    def credentials(self) -> dict[str, str]:
        """What `connection add --credential` takes to be let in, every event included."""
        identity = self.parts.access.identity
        given = {
            "client_id": identity.client_id,
            "client_secret": identity.client_secret,
            "agent_id": str(API_AGENT.id),
            "application": APPLICATION,
            "event_numbers": ",".join(str(event.value) for event in EventNumber),
        }
        return given if identity.tenant is None else {**given, "tenant": identity.tenant}

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
        self, ticket_id: str, text: str, *, member: str = TECHNICIAN, contact: str | None = None
    ) -> str:
        """Add a note as an agent, or as a customer's contact, and return its id."""
        new = NewNote(text=text, member=member, contact=contact)
        return note_id(ticket_id, self._technician.add_note(int(ticket_id), new)["id"])

    def edit_note(self, ticket_id: str, note_id: str, text: str, *, member: str = TECHNICIAN) -> None:
        self._technician.edit_note(int(ticket_id), action_id(note_id), NewText(text=text, member=member))

    def delete_note(self, ticket_id: str, note_id: str, *, member: str = TECHNICIAN) -> None:
        self._technician.delete_note(int(ticket_id), action_id(note_id), member)

    def set_status(self, ticket_id: str, status: str, *, member: str = TECHNICIAN) -> None:
        self._technician.set_status(int(ticket_id), NewStatus(status=status, member=member))

    def assign(self, ticket_id: str, assigned_to: str, *, member: str = TECHNICIAN) -> None:
        self._technician.assign(int(ticket_id), Assignment(assigned_to=assigned_to, member=member))

    def delete_ticket(self, ticket_id: str, *, member: str = TECHNICIAN) -> None:
        self._technician.delete_ticket(int(ticket_id), member)

    def merge_ticket(self, ticket_id: str, into: str, *, member: str = TECHNICIAN) -> None:
        self._technician.merge(int(ticket_id), Merge(into=int(into), member=member))

    def ticket(self, ticket_id: str) -> dict[str, Any]:
        return self.world.ticket(int(ticket_id)).as_json(details=True)

    def notes(self, ticket_id: str) -> list[Action]:
        """Return the ticket's notes, oldest first: neither system actions nor time entries."""
        return [a for a in self.world.actions(int(ticket_id)) if not a.system and not a.hours]

    def note_texts(self, ticket_id: str) -> list[str]:
        """Return the texts of the ticket's notes as they stand, oldest first."""
        return [action.text for action in self.notes(ticket_id)]

    def status_of(self, ticket_id: str) -> str:
        """Return the name of the ticket's status."""
        return self.world.ticket(int(ticket_id)).status.name

    def time_entries(self, ticket_id: str) -> list[dict[str, Any]]:
        """Return the ticket's time entries: actions with hours."""
        return [action.as_json() for action in self.world.actions(int(ticket_id)) if action.hours]

    def state(self) -> dict[str, Any]:
        return state_of(self.world)

    def add_webhook(
        self, url: str, secret: str = WEBHOOK_SECRET, *, auto_disable_attempts: int = 0
    ) -> Webhook:
        """Register a webhook for every event by hand, as in HaloPSA's screens."""
        user, _, password = secret.partition(":")
        body = WebhookBody(
            name="by hand",
            type=0,
            url=url,
            authentication_type=BASIC,
            basic_username=user,
            basic_password=password,
            active=True,
            auto_disable_attempts=auto_disable_attempts,
        )
        webhook = write_webhook(self.world, body)
        webhook.events = [(self.world.next_id(), event.value) for event in EventNumber]
        return webhook

    def set_webhooks(self, *, on: bool) -> None:
        """Stop firing webhooks, as in an outage between HaloPSA and the service; or fire them again."""
        self.parts.deliveries.settings.on = on

    def limit_calls(self, per_minute: int | None) -> None:
        """Answer 429 beyond this many API calls in any 60 seconds; None: no limit."""
        self.parts.limit.allow(per_minute)

    def fault(self, kind: str, *, method: str = "*", path: str = "*", **options: Any) -> None:
        """Ask for a fault. Options: the other fields of simulation.faults.Fault."""
        self.parts.faults.add(Fault.model_validate({"kind": kind, "method": method, "path": path, **options}))

    def requests(self, method: str = "*", path_part: str = "") -> list[LoggedRequest]:
        return self.parts.log.all(method, path_part)

    def deliveries(self) -> list[Delivery]:
        return self.parts.deliveries.all()

    def wait_for_deliveries(self, timeout_seconds: float = DELIVERY_SECONDS) -> list[Delivery]:
        """Wait until every webhook got its answer; unfilled batches go out first. Raises TimeoutError."""
        if not self.parts.deliveries.wait_until_done(timeout_seconds):
            raise TimeoutError("webhooks are still being delivered")
        return self.parts.deliveries.all()
