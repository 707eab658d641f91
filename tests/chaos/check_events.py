"""Every acknowledged event is one command, settled as the plan says or kept with its reason."""

from tests.chaos.findings import Findings, Kind
from tests.chaos.plan import Event, Fate, Way
from tests.chaos.tables import Command, Tables
from tests.chaos.tally import Played


def check(findings: Findings, tables: Tables, played: Played, connection: str) -> None:
    """Check each event of a plan that was played to its end."""
    for event in (event for events in played.plan.rounds for event in events):
        where = f"{event.type} {event.key}"
        if event.key not in played.acknowledged:
            findings.add(Kind.OTHER, f"{where} was never acknowledged")
            continue
        if played.plan.way is Way.STANDARD:
            _check_delivery(findings, tables, connection, event, where)
        commands = tables.commands.get(command_key(tables, played, connection, event), ())
        if not commands and not _went_straight_to_its_draft(played.acknowledged[event.key]):
            findings.add(Kind.LOST, f"{where} was acknowledged and is no command")
        for again in commands[1:]:
            findings.add(Kind.DOUBLED, f"{where} is a second command, {again.state}")
        for command in commands[:1]:
            _check_command(findings, event, command, where)
    _check_newest(findings, tables, played, connection)


def command_key(tables: Tables, played: Played, connection: str, event: Event) -> str:
    """Return the key that an event's command must have: it names what happened, and where."""
    if played.plan.way is Way.STANDARD:
        return f"standard:{tables.connections[connection]}:{event.key}"
    return f"hand:{event.key}"


def _went_straight_to_its_draft(sent: Event) -> bool:
    """Such a save is no command; that it was stored and what the walk's notes are is looked at elsewhere."""
    return sent.names_session and sent.fate is Fate.SAVED


def _check_delivery(findings: Findings, tables: Tables, connection: str, event: Event, where: str) -> None:
    delivery = tables.deliveries.get((connection, event.key))
    if delivery is None:
        findings.add(Kind.LOST, f"{where} was acknowledged and is not stored")
    elif delivery.state != "interpreted":
        findings.add(Kind.OTHER, f"{where} was stored and is {delivery.state}: {delivery.reason}")


def _check_command(findings: Findings, event: Event, command: Command, where: str) -> None:
    if event.fate is Fate.REFUSED:
        fits = command.state == "refused"
    elif event.fate is Fate.SAVED:
        fits = command.state == "applied" or command.result.get("code") == "stale"
    else:
        fits = command.state == "applied"
    if not fits:
        kind = Kind.OPEN if command.state == "pending" else Kind.LOST
        findings.add(kind, f"{where} should end as {event.fate}; it is {command.state}: {command.reason}")


def _check_newest(findings: Findings, tables: Tables, played: Played, connection: str) -> None:
    """The newest save is never stale."""
    saves = [event for event in played.acknowledged.values() if event.fate is Fate.SAVED]
    if not saves:
        return
    newest = max(saves, key=lambda event: int(event.data["revision"]))
    commands = tables.commands.get(command_key(tables, played, connection, newest), ())
    if commands and commands[0].state == "refused":
        findings.add(Kind.NOTES, f"the newest save {newest.key} was refused: {commands[0].reason}")
