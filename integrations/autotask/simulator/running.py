"""The simulator running: in the foreground for the command line, in a thread for tests."""

from collections.abc import Callable
from typing import Any

from integrations.autotask.simulator.app import Parts
from integrations.autotask.simulator.callouts import RETRY_DELAYS_SECONDS, CalloutSettings
from integrations.autotask.simulator.control import NewNote, NewTicket, Technician, state_of
from integrations.autotask.simulator.messages import Delivery
from integrations.autotask.simulator.picklists import API_RESOURCE, ROLE, resource
from integrations.autotask.simulator.world import Identity
from integrations.simulation.running import RunningPsa, serve_parts
from integrations.simulation.server import bound_socket, url_of
from integrations.simulation.technician import TECHNICIAN

WEBHOOK_SECRET = "autotask-webhook-secret"  # noqa: S105 (the simulator's own, in every test)


def serve(port: int, host: str = "127.0.0.1", ready: Callable[[str], None] = lambda _url: None) -> None:
    """Serve a fresh simulator until it is interrupted. `ready` gets its URL once it answers."""
    serve_parts(Parts, port, host, ready)


class RunningSimulator(RunningPsa[Parts, Delivery]):
    """An Autotask on a free loopback port while the context is open, with its state at hand."""

    new_ticket, new_note = NewTicket, NewNote

    def __init__(
        self,
        *,
        identity: Identity | None = None,
        retry_delays_seconds: tuple[float, ...] = RETRY_DELAYS_SECONDS,
    ) -> None:
        bound = bound_socket()
        settings = CalloutSettings(retry_delays_seconds=retry_delays_seconds)
        parts = Parts(url_of(bound), settings, identity)
        super().__init__(parts, Technician(parts.world), bound)
        self.world, self.callouts = parts.world, parts.deliveries

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

    def delete_note(self, ticket_id: str, note_id: str, *, member: str = TECHNICIAN) -> None:
        """In the screens only: the API has no such call."""
        self.world.delete_note(int(ticket_id), int(note_id), resource(member).id)

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
