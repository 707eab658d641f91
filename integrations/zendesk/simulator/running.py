"""The simulator running: in the foreground for the command line, in a thread for tests."""

from collections.abc import Callable
from typing import Any

from integrations.simulation.running import RunningPsa, serve_parts
from integrations.simulation.server import bound_socket
from integrations.zendesk.mapping import NAMES
from integrations.zendesk.simulator.app import Parts
from integrations.zendesk.simulator.control import NewTicket, Technician
from integrations.zendesk.simulator.deliveries import Delivery
from integrations.zendesk.simulator.settings import Settings
from integrations.zendesk.simulator.world import Identity


def serve(port: int, host: str = "127.0.0.1", ready: Callable[[str], None] = lambda _url: None) -> None:
    """Serve a fresh simulator until it is interrupted. `ready` gets its URL once it answers."""
    serve_parts(lambda _url: Parts(), port, host, ready)


class RunningSimulator(RunningPsa[Parts, Delivery]):
    """A Zendesk on a free loopback port while the context is open. Its export lists changes at once."""

    new_ticket = NewTicket

    def __init__(self, identity: Identity | None = None) -> None:
        parts = Parts(Settings(export_lag_seconds=0), identity)
        super().__init__(parts, Technician(parts.world), bound_socket())

    @property
    def credentials(self) -> dict[str, str]:
        return self.parts.world.identity.credentials

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """None: Zendesk makes them, and its API shows them."""
        return ()

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
