"""The simulator running: in the foreground for the command line, in a thread for tests."""

from collections.abc import Callable
from typing import Any

from integrations.connectwise.simulator.app import Parts
from integrations.connectwise.simulator.bodies import CallbackBody
from integrations.connectwise.simulator.callbacks import CallbackSettings, Delivery
from integrations.connectwise.simulator.control import NewNote, NewTicket, Technician, state_of
from integrations.connectwise.simulator.directory import API_MEMBER
from integrations.connectwise.simulator.registration import register
from integrations.connectwise.simulator.world import Identity
from integrations.simulation.running import RunningPsa, serve_parts
from integrations.simulation.server import bound_socket, url_of
from integrations.simulation.technician import TECHNICIAN

CLIENT_ID = "3f1c7f0e-0000-4000-8000-5a1b2c3d4e5f"


def serve(port: int, host: str = "127.0.0.1", ready: Callable[[str], None] = lambda _url: None) -> None:
    """Serve a fresh simulator until it is interrupted. `ready` gets its URL once it answers."""
    serve_parts(Parts, port, host, ready)


class RunningSimulator(RunningPsa[Parts, Delivery]):
    """A ConnectWise on a free loopback port while the context is open, with its state at hand."""

    new_ticket, new_note = NewTicket, NewNote

    def __init__(
        self, *, identity: Identity | None = None, retry_delays_seconds: tuple[float, ...] = (2.0, 4.0)
    ) -> None:
        bound = bound_socket()
        settings = CallbackSettings(retry_delays_seconds=retry_delays_seconds)
        parts = Parts(url_of(bound), settings, identity)
        super().__init__(parts, Technician(parts.world), bound)
        self.world, self.callbacks = parts.world, parts.deliveries

    def reset(self) -> None:
        """Forget records, callbacks, faults, limits, requests and deliveries; make a new signing key."""
        super().reset()
        self.set_webhooks(on=True)

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

    def delete_note(self, ticket_id: str, note_id: str, *, member: str = TECHNICIAN) -> None:
        self.world.delete_note(int(ticket_id), int(note_id), member)

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
