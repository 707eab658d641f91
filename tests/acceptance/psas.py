"""Every PSA, simulated and connected to the service, with tickets whose walks their webhooks have started."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrations.ports import PsaClient
from integrations.registry import provider
from integrations.simulation.stand_in import StandIn
from integrations.simulation.traffic import LoggedRequest
from integrations.simulators import stand_in_class
from tests.acceptance.canaries import WORDS
from tests.acceptance.planting import planted
from tests.acceptance.tools import RULES, TECHNICIAN, Account, send, wait_for
from tests.integration.contract.dialects import DIALECTS
from worker.demo.service import RunningService


@dataclass(frozen=True)
class Habits:
    """`closed` is the status of a resolved ticket; `notes` is where the PSA takes notes, as a pattern.

    `note_part` is in the body of a note, and of nothing else that is sent there.
    """

    member: str
    technician: str
    closed: str
    notes: str
    note_part: str = ""


HABITS = {
    "autotask": Habits("jdoe", TECHNICIAN, "Complete", "*/Tickets/*/Notes"),
    "connectwise": Habits("jdoe", TECHNICIAN, ">Closed", "*/service/tickets/*/notes"),
    # a HaloPSA knows its agents by number
    "halopsa": Habits("17", "jane.halo@acme.example", "Closed", "*/api/Actions"),
    # a Zendesk knows its agents by e-mail address, and takes a note as an update of its ticket
    "zendesk": Habits(
        "jdoe@acme.example", "jane.zendesk@acme.example", "Solved", "*/api/v2/tickets/*", '"comment":'
    ),
}


@dataclass(frozen=True)
class Psa:
    """One PSA and the connection to it. `url` is what `connection add` printed for the PSA."""

    name: str
    connection: str
    connection_id: str
    url: str
    stand_in: StandIn

    @property
    def habits(self) -> Habits:
        return HABITS[self.name]

    @property
    def note_method(self) -> str:
        return DIALECTS[self.name].note_method

    @property
    def client(self) -> PsaClient:
        return provider(self.name).client(self.stand_in.link(self.connection_id))

    def create_ticket(self, summary: str) -> str:
        return self.stand_in.create_ticket(summary, assigned_to=self.habits.member)

    def spoil_the_next_note(self, kind: str, **options: Any) -> None:
        """Ask for a fault when the next note is written."""
        where = {"path": self.habits.notes, "body_part": self.habits.note_part}
        self.stand_in.fault(kind, method=self.note_method, **where, **options)

    def note_posts(self) -> list[LoggedRequest]:
        """Return every attempt to write a note, in order."""
        sent = self.stand_in.requests(self.note_method, self.habits.notes.rpartition("*")[2])
        return [request for request in sent if self.habits.note_part.encode() in request.body]

    def has_spoiled(self, kind: str) -> bool:
        return any(post.fault == kind for post in self.note_posts())

    def is_told(self, ticket_id: str) -> bool:
        """Whether the ticket has the status that is set after the summary stands."""
        return self.stand_in.status_of(ticket_id) == self.habits.closed


@dataclass(frozen=True)
class Walked:
    """A ticket with an active walk."""

    psa: Psa
    ticket_id: str
    session_id: str

    @property
    def summaries(self) -> list[str]:
        return [text for text in self.psa.stand_in.note_texts(self.ticket_id) if "[tw:" in text]

    def command(self, name: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
        return name, {"connection": self.psa.connection, "ticket": self.ticket_id, **arguments}


@contextmanager
def running_psas(
    service: RunningService, acme: Account, path: Path, through: Callable[[str], str] = str
) -> Iterator[dict[str, Psa]]:
    """Run every PSA's simulator, connect the account to it and register its webhooks.

    `through` makes the address that is registered out of the one that `connection add` printed.
    """
    for habits in HABITS.values():
        if habits.technician != TECHNICIAN:  # that one is there
            service.run(
                *("user", "add", "--account", acme.name, "--email", habits.technician),
                *("--role", "l1_tech", "--psa-member", habits.member),
            )
    with ExitStack() as stack:
        made = {}
        for name in HABITS:
            stand_in: StandIn = stack.enter_context(planted(stand_in_class(name), name))
            made[name] = _connect(service, acme, path, name, stand_in)
            made[name].client.register(through(made[name].url))
        yield made
        for psa in made.values():
            psa.stand_in.wait_for_deliveries()


def _connect(service: RunningService, acme: Account, path: Path, name: str, stand_in: StandIn) -> Psa:
    connection = f"{acme.prefix}-every-{name}"
    rules = path / f"{connection}.json"
    rules.write_text(json.dumps({**RULES, "on_resolve": {"status": HABITS[name].closed}}))
    added = service.run(
        *("connection", "add", "--account", acme.name, "--provider", name, "--name", connection),
        *("--base-url", stand_in.base_url, "--rules", str(rules)),
        *(f"--credential={key}={value}" for key, value in stand_in.credentials.items()),
        *(f"--webhook-secret={secret}" for secret in stand_in.webhook_secrets),
    )
    return Psa(name, connection, added["id"], added["webhook_url"], stand_in)


def walked_tickets(
    service: RunningService, psas: Mapping[str, Psa], summaries: Mapping[str, str]
) -> dict[str, dict[str, Walked]]:
    """Create tickets in every PSA, by a word for each, and wait until their webhooks have started walks."""
    created = {
        (word, name): psa.create_ticket(text)
        for word, text in summaries.items()
        for name, psa in psas.items()
    }

    def started() -> dict[str, str] | None:
        # the newest ones only: another test's simulator may have given the same numbers
        walks: Any = service.run("walk", "list", "--limit", str(len(created)))
        sessions = {walk["ticket_id"]: walk["id"] for walk in walks}
        return sessions if sessions.keys() == set(created.values()) else None

    sessions = wait_for("the start of every walk", started, seconds=60)
    return {
        word: {
            name: Walked(psa, created[word, name], sessions[created[word, name]])
            for name, psa in psas.items()
        }
        for word in summaries
    }


def resolve(service: RunningService, walks: Iterable[Walked]) -> None:
    """Resolve walks by hand."""
    calls = [walk.command("session.resolve", resolution_notes=WORDS) for walk in walks]
    assert {result["outcome"] for result in send(service, calls)} == {"applied"}
