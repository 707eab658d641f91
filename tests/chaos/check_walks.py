"""One walk per ticket; its steps are the events sent, once each, in order; its notes are the newest save."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise

from tests.chaos.check_events import command_key
from tests.chaos.findings import Findings, Kind
from tests.chaos.plan import Way
from tests.chaos.tables import Command, Tables, Walk
from tests.chaos.tally import Played

#: The contract of `sequence` (design, section 6): a gap is waited for this long, then gone over.
GAP_WAIT = timedelta(seconds=30)


def only_walk(findings: Findings, tables: Tables, played: Played, connection: str) -> Walk | None:
    """Return the ticket's one walk."""
    walks = tables.walks.get((connection, played.external_id), ())
    if not walks:
        findings.add(Kind.LOST, f"{played.plan.ticket} has no walk")
        return None
    if len(walks) > 1:
        findings.add(Kind.DOUBLED, f"{played.plan.ticket} has {len(walks)} walks")
    return walks[0]


def check(findings: Findings, tables: Tables, played: Played, walk: Walk, connection: str) -> None:
    """Check one walk against its plan."""
    plan = played.plan
    if (walk.status, walk.kind) != (plan.status, plan.kind):
        findings.add(
            Kind.OTHER,
            f"{plan.ticket} should be {plan.kind}, {plan.status}; it is {walk.kind}, {walk.status}",
        )
    _check_steps(findings, tables, played, walk, connection)
    _check_notes(findings, played, walk)


def _check_steps(findings: Findings, tables: Tables, played: Played, walk: Walk, connection: str) -> None:
    wanted, found = Counter(played.plan.steps), Counter(note for _, _, note in walk.steps)
    for note in wanted - found:
        findings.add(Kind.LOST, f"step {note} is missing from its walk")
    for note in found - wanted:
        findings.add(Kind.DOUBLED, f"step {note} stands {found[note]} times in its walk")
    order = [note for _, _, note in walk.steps]
    if wanted == found and order != list(played.plan.steps):
        _check_order(findings, tables, played, order, connection)


def _check_order(
    findings: Findings, tables: Tables, played: Played, order: list[str], connection: str
) -> None:
    """A step may stand behind a later one only if it came after that one had waited its 30 s."""
    commands = _commands_by_note(tables, played, connection)
    place = {note: number for number, note in enumerate(played.plan.steps)}
    for first, second in pairwise(order):
        if place[first] > place[second] and not _gap_was_over(commands.get(first), commands.get(second)):
            findings.add(Kind.DISORDERED, f"step {first} stands before step {second}")


def _commands_by_note(tables: Tables, played: Played, connection: str) -> dict[str, Command]:
    return {
        str(event.data["note"]): tables.commands[command_key(tables, played, connection, event)][0]
        for events in played.plan.rounds
        for event in events
        if "note" in event.data
    }


def _gap_was_over(later: Command | None, earlier: Command | None) -> bool:
    if later is None or earlier is None or later.settled_at is None:
        return False
    waited = later.settled_at - later.received_at
    return waited >= GAP_WAIT and earlier.received_at > later.settled_at


def _check_notes(findings: Findings, played: Played, walk: Walk) -> None:
    plan = played.plan
    if plan.way is Way.PSA:
        found, wanted = [note.get("text") for note in walk.notes], list(plan.typed)
        if found != wanted:
            findings.add(Kind.NOTES, f"{plan.ticket}: typed {wanted}, the walk has {found}")
    elif list(walk.notes) != list(plan.notes):
        texts = [note.get("text") for note in walk.notes]
        findings.add(Kind.NOTES, f"{plan.ticket}: newest is {plan.notes}, the walk has {texts}")
