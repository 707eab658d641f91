"""What is to happen to each ticket, drawn from a seed: the same seed and number give the same plan.

A plan is a list of rounds. The events of a round are sent at the same time, in any order, each some times
over; the next round begins when all of them are acknowledged. What a walk must look like in the end follows
from the plan alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum, auto
from random import Random
from typing import Any

FLOW = "Ring"
TECHNICIAN = "jane.doe@acme.example"
#: Nodes of the flow; answering yes goes round, so a walk may be of any length.
NODES = 8
TREE = {
    "name": FLOW,
    "start": "n0",
    "nodes": {
        f"n{number}": {
            "question": f"Question {number}?",
            "answers": {"yes": f"n{(number + 1) % NODES}", "no": None},
        }
        for number in range(NODES)
    },
}
RULES = {
    "rules": [
        {"when": {"summary": "*vpn*"}, "start": "flow", "flow": FLOW},
        {"when": {"summary": "*adhoc*"}, "start": "adhoc"},
    ],
    "on_resolve": {"status": ">Closed"},
    "on_escalate": {"status": "Escalated"},
}
#: Times one event is sent: mostly once, sometimes ten times.
COPIES = (1, 1, 1, 1, 1, 2, 2, 3, 5, 10)
#: What addresses a ticket.
ADDRESS = ("ticket_id", "ticket_kind")
#: Saves that name their session where they can: most, as a tool does that has it.
BY_SESSION = 0.7


class Way(StrEnum):
    """How a ticket's events come."""

    STANDARD = auto()
    HAND = auto()
    PSA = auto()


class Fate(StrEnum):
    """What may become of an event."""

    APPLIED = auto()
    #: A second start of the ticket's walk: applied, and nothing is started.
    START = auto()
    #: A save: applied, or refused as stale since a newer one came first.
    SAVED = auto()
    #: Wrong for good: refused, and kept with its reason.
    REFUSED = auto()


@dataclass(frozen=True)
class Event:
    """One thing that happens. `key` is the webhook's id, or the key of a task called by hand.

    `by_session`: it names the walk's session instead of the ticket, if the session is known when it is sent.
    """

    key: str
    type: str
    data: Mapping[str, Any]
    fate: Fate = Fate.APPLIED
    copies: int = 1
    by_session: bool = False

    def of_session(self, session_id: str) -> "Event":
        """Return the same event, addressed to a session. A save goes straight to its draft then."""
        rest = {name: value for name, value in self.data.items() if name not in ADDRESS}
        return replace(self, data={**rest, "session_id": session_id})

    @property
    def names_session(self) -> bool:
        """Whether it is addressed to a session."""
        return "session_id" in self.data


@dataclass(frozen=True)
class TicketPlan:
    """One ticket's rounds, and what its walk is in the end. `status` is None where nobody may know it."""

    ticket: str
    way: Way
    tenant: int
    kind: str
    status: str
    rounds: Sequence[Sequence[Event]] = ()
    steps: Sequence[str] = ()
    notes: Sequence[Mapping[str, Any]] = ()
    typed: Sequence[str] = ()

    @property
    def closes(self) -> bool:
        """Whether the walk ends, and so has a summary."""
        return self.status != "active"


@dataclass
class _Draft:
    """A plan while it is drawn."""

    ticket: str
    random: Random
    kind: str
    count: int = 0
    sequence: int = 0
    revision: int = 0
    steps: list[str] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)

    def event(self, command: str, fate: Fate = Fate.APPLIED, **data: Any) -> Event:
        self.count += 1
        address = {"ticket_id": self.ticket, "ticket_kind": "psa"}
        copies = self.random.choice(COPIES)
        return Event(f"{self.ticket}.{self.count}", command, {**address, **data}, fate, copies)

    def start(self, fate: Fate = Fate.APPLIED) -> Event:
        flow = {"flow": FLOW} if self.kind == "flow" else {}
        return self.event("session.start", fate, user=TECHNICIAN, kind=self.kind, **flow)

    def numbered(self) -> dict[str, Any]:
        self.sequence += 1
        return {"sequence": self.sequence}

    def step(self, *, numbered: bool = True) -> Event:
        node = f"n{len(self.steps) % NODES}"
        note = f"{self.ticket}/{len(self.steps) + 1}"
        self.steps.append(note)
        number: dict[str, Any] = self.numbered() if numbered else {}
        return self.event("step.record", node_id=node, answer="yes", note=note, **number)

    def wrong_step(self) -> Event:
        return self.event("step.record", Fate.REFUSED, node_id="nowhere", answer="yes", **self.numbered())

    def save(self) -> Event:
        self.revision += 1
        self.notes = [{"text": f"{self.ticket} revision {self.revision}", "revision": self.revision}]
        save = self.event("notes.save", Fate.SAVED, notes=self.notes, revision=self.revision)
        return replace(save, by_session=self.random.random() < BY_SESSION)

    def late_save(self) -> Event:
        late = {"notes": [{"text": "too late"}], "revision": self.revision + 100}
        save = self.event("notes.save", Fate.REFUSED, **late)
        return replace(save, by_session=self.random.random() < BY_SESSION)

    def close(self, status: str, *, numbered: bool = True) -> Event:
        number = self.numbered() if numbered else {}
        if status == "resolved":
            return self.event("session.resolve", helpful=True, resolution_notes="Done", **number)
        return self.event("session.escalate", escalation_reason="Beyond us", **number)


def plan_ticket(seed: int, number: int) -> TicketPlan:
    """Draw the plan of the ticket with this number."""
    random = Random(f"{seed}/{number}")  # noqa: S311 - a plan is to be repeated, not to be secret
    ticket = f"T{seed}-{number}"
    way = random.choices(list(Way), weights=(80, 8, 12))[0]
    if way is Way.PSA:
        return _psa(random, ticket)
    if way is Way.HAND:
        return _by_hand(random, ticket)
    tenant = random.randrange(2)
    if random.random() < 0.1:
        return _escalated_at_once(random, ticket, tenant)
    kind = random.choices(("flow", "adhoc"), weights=(75, 25))[0]
    return _walk(_Draft(ticket, random, kind), tenant)


def _escalated_at_once(random: Random, ticket: str, tenant: int) -> TicketPlan:
    draft = _Draft(ticket, random, "adhoc")
    event = draft.event("session.escalate_without_walk", user=TECHNICIAN, escalation_reason="Not for L1")
    return TicketPlan(ticket, Way.STANDARD, tenant, "adhoc", "escalated", [[event]])


def _walk(draft: _Draft, tenant: int) -> TicketPlan:
    random = draft.random
    status = random.choices(("resolved", "escalated", "active"), weights=(60, 28, 12))[0]
    rounds = [_opening(draft)]
    rounds += [list(_middle(draft)) for _ in range(random.randint(2, 10))]
    if status != "active":
        steps = [draft.step() for _ in range(random.randint(0, 3) if draft.kind == "flow" else 0)]
        rounds.append([*steps, draft.close(status)])
        if random.random() < 0.3:
            rounds.append([draft.late_save()])
    return TicketPlan(
        draft.ticket, Way.STANDARD, tenant, draft.kind, status, rounds, draft.steps, draft.notes
    )


def _opening(draft: _Draft) -> list[Event]:
    """Begin the walk: perhaps twice, perhaps with steps that overtake the start."""
    twice = draft.random.random() < 0.2
    events = [draft.start(Fate.START if twice else Fate.APPLIED)]
    if twice:
        events.append(draft.start(Fate.START))
    if draft.kind == "flow" and draft.random.random() < 0.5:
        events += [draft.step() for _ in range(draft.random.randint(1, 3))]
    return events


def _middle(draft: _Draft) -> Iterator[Event]:
    """Go on with it: steps out of order, saves out of order."""
    random = draft.random
    if draft.kind == "flow":
        for _ in range(random.randint(1, 5)):
            yield draft.wrong_step() if random.random() < 0.03 else draft.step()
    if draft.kind == "adhoc" or random.random() < 0.3:
        for _ in range(random.randint(1, 4)):
            yield draft.save()


def _by_hand(random: Random, ticket: str) -> TicketPlan:
    """A walk of tasks that an engineer calls, several times each, without a number, one after the other."""
    draft = _Draft(ticket, random, "flow")
    events = [draft.start()]
    events += [draft.step(numbered=False) for _ in range(random.randint(2, 8))]
    events += [draft.save() for _ in range(random.randint(1, 6))]
    status = random.choice(("resolved", "escalated"))
    events.append(draft.close(status, numbered=False))
    rounds = [[event] for event in events]
    return TicketPlan(ticket, Way.HAND, 0, "flow", status, rounds, draft.steps, draft.notes)


def _psa(random: Random, ticket: str) -> TicketPlan:
    """A ticket of the PSA: a callback starts its walk; notes typed there, or tasks by hand, go on with it."""
    kind = random.choice(("flow", "adhoc"))
    draft = _Draft(ticket, random, kind)
    events = [draft.step(numbered=False) for _ in range(random.randint(1, 5) if kind == "flow" else 0)]
    typed = [f"{ticket} typed {number}" for number in range(random.randint(1, 4) if kind == "adhoc" else 0)]
    status = random.choice(("resolved", "escalated"))
    events.append(draft.close(status, numbered=False))
    rounds = [[event] for event in events]
    return TicketPlan(ticket, Way.PSA, 0, kind, status, rounds, draft.steps, (), typed)
