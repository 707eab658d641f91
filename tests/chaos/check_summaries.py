"""Exactly one summary per closed walk, as the PSA and the tool have it; and the ticket's status."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from tests.chaos.findings import Findings, Kind
from tests.chaos.plan import Way
from tests.chaos.tables import Walk
from tests.chaos.tally import Played
from tests.chaos.world import World

STATUS = {"resolved": ">Closed", "escalated": "Escalated"}
MARK = "[tw:"


@dataclass(frozen=True)
class Told:
    """What was told to both: messages of the tool by walk, tickets of the PSA by id."""

    messages: Mapping[str, Sequence[Mapping[str, Any]]]
    tickets: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, world: World) -> Self:
        """Read it from the simulators' own state."""
        messages: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for message in world.tool.received():
            messages[message["data"]["walk"]["session_id"]].append(message)
        tickets = {str(ticket["id"]): ticket for ticket in world.psa.state()["tickets"]}
        return cls(messages, tickets)


def check(findings: Findings, told: Told, played: Played, walk: Walk) -> None:
    """Check what was told of one walk."""
    for push in walk.pushes:
        if push.state not in {"sent", "parked"}:  # parked ones are reported by themselves
            findings.add(Kind.OPEN, f"{played.plan.ticket}: its {push.kind} is {push.state}: {push.reason}")
    if played.plan.way is Way.PSA:
        _check_ticket(findings, told.tickets[played.external_id], played, walk)
    else:
        _check_messages(findings, told.messages.get(walk.session_id, ()), played, walk)


def _check_messages(
    findings: Findings, messages: Sequence[Mapping[str, Any]], played: Played, walk: Walk
) -> None:
    wanted = int(played.plan.closes)
    if len(messages) != wanted:
        findings.add(
            Kind.SUMMARIES, f"{played.plan.ticket} has {len(messages)} summaries; there should be {wanted}"
        )
    for message in messages:
        told = message["data"]["walk"]
        notes = [step["l1_note"] for step in told["walked_path"]]
        if notes != [note for _, _, note in walk.steps] or told["walk_notes"] != list(walk.notes):
            findings.add(Kind.SUMMARIES, f"{played.plan.ticket}: its summary tells of another walk")


def _check_ticket(findings: Findings, ticket: Mapping[str, Any], played: Played, walk: Walk) -> None:
    markers = [push.marker for push in walk.pushes if push.kind == "note"]
    texts = [note["text"] for note in ticket["notes"]]
    marked = [text for text in texts if any(marker in text for marker in markers)]
    if len(marked) != 1 or sum(MARK in text for text in texts) != 1:
        findings.add(Kind.SUMMARIES, f"ticket {ticket['id']} has {len(marked)} summaries; there should be 1")
    wanted = STATUS[played.plan.status]
    if ticket["status"]["name"] != wanted:
        findings.add(
            Kind.OTHER, f"ticket {ticket['id']} is {ticket['status']['name']}; it should be {wanted}"
        )
