"""The simulator running: in the foreground for the command line, in a thread for tests."""

from collections.abc import Callable
from typing import Any

from integrations.halopsa.mapping import action_id, note_id
from integrations.halopsa.simulator.access import TOKEN_SECONDS, Identity
from integrations.halopsa.simulator.app import Parts
from integrations.halopsa.simulator.bodies import WebhookBody
from integrations.halopsa.simulator.control import NewTicket, Technician, agent, state_of
from integrations.halopsa.simulator.deliveries import BASIC, Delivery, SendingSettings
from integrations.halopsa.simulator.directory import API_AGENT, APPLICATION, EventNumber
from integrations.halopsa.simulator.records import Action, Webhook
from integrations.halopsa.simulator.registration import write_webhook
from integrations.halopsa.simulator.world import Writer
from integrations.simulation.running import RunningPsa, serve_parts
from integrations.simulation.server import bound_socket
from integrations.simulation.technician import TECHNICIAN

WEBHOOK_SECRET = "ticketwalk:5f0c6e1d-halo-webhook"  # noqa: S105 (the simulator's own)


def serve(port: int, host: str = "127.0.0.1", ready: Callable[[str], None] = lambda _url: None) -> None:
    """Serve a fresh simulator until it is interrupted. `ready` gets its URL once it answers."""
    serve_parts(lambda _url: Parts(), port, host, ready)


class RunningSimulator(RunningPsa[Parts, Delivery]):
    """A HaloPSA on a free loopback port while the context is open, with its state at hand."""

    new_ticket = NewTicket

    def __init__(self, *, identity: Identity | None = None) -> None:
        parts = Parts(identity)
        super().__init__(parts, Technician(parts.world), bound_socket())
        self.world = parts.world

    def reset(self) -> None:
        """Forget records, webhooks, tokens, faults, limits, requests and deliveries."""
        super().reset()
        self.parts.access.revoke_all()
        self.parts.access.token_seconds = TOKEN_SECONDS
        self.parts.deliveries.settings = SendingSettings()

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

    def add_note(self, ticket_id: str, text: str, **fields: Any) -> str:
        """As for any PSA; the id has the ticket's in front, since numbers begin anew in each ticket."""
        return note_id(ticket_id, int(super().add_note(ticket_id, text, **fields)))

    def edit_note(self, ticket_id: str, note_id: str, text: str, *, member: str = TECHNICIAN) -> None:
        super().edit_note(ticket_id, str(action_id(note_id)), text, member=member)

    def delete_note(self, ticket_id: str, note_id: str, *, member: str = TECHNICIAN) -> None:
        self.world.delete_action(int(ticket_id), action_id(note_id), Writer(agent(member)))

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
