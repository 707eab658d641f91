"""Every PSA's stand-in running, its client, and a receiver that is registered with it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from integrations.ports import (
    ChangedTicket,
    Event,
    Link,
    NotePurpose,
    NotePush,
    Provider,
    PsaClient,
    TimePush,
    WebhookRequest,
)
from integrations.registry import PROVIDERS
from integrations.simulation.stand_in import StandIn
from integrations.simulators import SIMULATORS, stand_in_class
from tests.integration.contract.dialects import DIALECTS, Dialect
from tests.integration.receiving import Receiver

PSAS = [
    name
    for name, provider in PROVIDERS.items()
    if not provider.carries_commands and name in SIMULATORS and name in DIALECTS
]
TIMEKEEPERS = [name for name in PSAS if DIALECTS[name].keeps_time]
WITHOUT_TIME = [name for name in PSAS if not DIALECTS[name].keeps_time]
CONNECTION = str(UUID(int=1))
START = datetime(2026, 6, 2, 14, tzinfo=UTC)
MARKER = "[tw:7c1f9e2a]"
#: On the slowest machine.
PATIENCE_SECONDS = 30


@dataclass
class Psa:
    """One PSA: the simulator as `stand_in`, and the provider that talks to it, with nothing remembered."""

    name: str
    provider: Provider
    stand_in: StandIn
    receiver: Receiver
    dialect: Dialect = field(init=False)
    link: Link = field(init=False)

    def __post_init__(self) -> None:
        self.dialect = DIALECTS[self.name]
        self.link = self.stand_in.link(CONNECTION)

    @property
    def client(self) -> PsaClient:
        return self.provider.client(self.link)

    @property
    def url(self) -> str:
        """The address to give the PSA."""
        return self.provider.webhook_url(self.receiver.url, self.link)

    def delivered(self) -> list[WebhookRequest]:
        """Return the requests that came, once all were answered."""
        self.stand_in.wait_for_deliveries()
        return list(self.receiver.requests)

    def events(self) -> list[Event]:
        """Return what was delivered, verified and read."""
        found: list[Event] = []
        for request in self.delivered():
            self.provider.verify(request, self.link)
            found += self.provider.parse(request)
        return found

    def changed(self, since: datetime) -> dict[str, ChangedTicket]:
        return {ticket.ticket_id: ticket for ticket in self.client.changed_since(since)}


def note(
    ticket_id: str, text: str = f"done {MARKER}", purpose: NotePurpose = NotePurpose.RESOLUTION
) -> NotePush:
    return NotePush("entry-1", ticket_id, purpose, text, {})


def time_entry(psa: Psa, ticket_id: str, text: str = f"walked {MARKER}") -> TimePush:
    return TimePush("entry-2", ticket_id, psa.dialect.member, START, START + timedelta(minutes=15), text)


@pytest.fixture(scope="session")
def running() -> Iterator[Callable[[str], tuple[StandIn, Receiver]]]:
    """Starts a PSA's simulator and its receiver when they are first asked for."""
    started: dict[str, tuple[StandIn, Receiver]] = {}
    with ExitStack() as stack:

        def start(name: str) -> tuple[StandIn, Receiver]:
            if name not in started:
                receiver = Receiver(f"/webhooks/{name}/{CONNECTION}")
                started[name] = stack.enter_context(stand_in_class(name)()), stack.enter_context(receiver)
            return started[name]

        yield start


@pytest.fixture(params=PSAS)
def psa(request: pytest.FixtureRequest, running: Callable[[str], tuple[StandIn, Receiver]]) -> Psa:
    simulator, receiver = running(request.param)
    simulator.reset()
    simulator.set_webhooks(on=True)
    simulator.limit_calls(None)
    receiver.reset()
    # a new one: tokens and keys that were fetched from the simulator before its reset are no good any more
    return Psa(request.param, type(PROVIDERS[request.param])(), simulator, receiver)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Return once the condition holds, which is asked ten times a second; fail where it does not in time."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline, pause = time.monotonic() + PATIENCE_SECONDS, threading.Event()
        while not condition():
            assert time.monotonic() < deadline, "it did not come about in time"
            pause.wait(0.1)

    return wait
