"""Says how a run went: what was sent, what was broken, what is wrong."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.chaos.findings import Findings, Kind
from tests.chaos.servers import Servers
from tests.chaos.storm import Storm
from tests.chaos.tally import Tally

#: Findings shown of each kind.
SHOWN = 12
#: What the last line says.
HEADLINE = (Kind.LOST, Kind.DOUBLED, Kind.DISORDERED, Kind.SUMMARIES)


@dataclass(frozen=True)
class Rates:
    """How fast things went. Seconds."""

    sending_seconds: float
    settling_seconds: float
    settled: bool


def lines(
    tally: Tally, storm: Storm, findings: Findings, rates: Rates, servers: Servers, psa_faults: int
) -> Iterator[str]:
    """Yield the report line by line."""
    counts = tally.counts
    [[commands]] = servers.rows("SELECT count(*) FROM command WHERE state IN ('applied', 'refused')")
    [[walks]] = servers.rows("SELECT count(*) FROM l1_walk_session")
    [[told]] = servers.rows("SELECT count(*) FROM outbox WHERE state = 'sent'")
    yield f"events sent          {counts['events']} ({counts['requests']} requests)"
    yield f"acknowledged         {counts['acknowledged']}"
    yield f"duplicates sent      {counts['duplicates']}"
    yield f"applied or refused   {commands} commands, {commands / rates.sending_seconds:.0f} a second"
    yield f"tickets and walks    {len(tally.played)}, {walks}; {told} outbox entries sent"
    away = sum(until - since for since, until in storm.without_redis)
    yield f"without Redis        {accepted_without_redis(tally, storm)} acknowledged in {away:.0f} s"
    others = {name: number for name, number in sorted(counts.items()) if name not in _SHOWN_ALREADY}
    yield f"senders also counted {others}"
    faults = sum(storm.counts.values())
    yield f"faults               {faults} in {storm.seconds:.0f} s, {storm.kills()} of them kill -9"
    for name, number in sorted(storm.counts.items()):
        yield f"  {number:>5} {name}"
    yield f"requests to PSAs that met a fault: {psa_faults}"
    state = "settled" if rates.settled else "NOT settled"
    yield f"sending took {rates.sending_seconds:.0f} s; {state} after {rates.settling_seconds:.0f} s more"
    for kind in Kind:
        yield f"{kind.value:<28} {findings.count(kind)}"
        for line in findings.lines[kind][:SHOWN]:
            yield f"    {line}"
    rate = commands / rates.sending_seconds
    wrong = ", ".join(f"{kind.value} {findings.count(kind)}" for kind in HEADLINE)
    yield f"{faults} faults, {storm.kills()} of them kill -9; {rate:.0f} events applied a second; {wrong}"
    verdict = "RED: the promises are broken" if findings else "GREEN: every promise holds"
    yield verdict


def accepted_without_redis(tally: Tally, storm: Storm) -> int:
    """Return how many events were acknowledged while Redis was away."""
    return sum(
        any(since < at < until for since, until in storm.without_redis) for at in tally.acknowledged_at
    )


_SHOWN_ALREADY = {"events", "requests", "acknowledged", "duplicates"}
