"""Judges a run by what stands in the tables and in the PSAs, never through the service's own code."""

import hashlib
from collections.abc import Mapping, Sequence

from tests.chaos import check_events, check_summaries, check_walks
from tests.chaos.findings import Findings, Kind
from tests.chaos.plan import Way
from tests.chaos.programs import NOT_IN_TIME
from tests.chaos.servers import Servers, open_work
from tests.chaos.tables import read_tables
from tests.chaos.tally import Played, Tally
from tests.chaos.world import PSA, STANDARD, World

#: Rows shown of what is open or parked.
SHOWN = 12
SUCCESS = range(200, 300)


def judge(world: World, tally: Tally) -> Findings:
    """Return everything that is wrong. Call it once the faults are over and the work has settled."""
    findings = Findings()
    tables = read_tables(world.servers)
    told = check_summaries.Told.read(world)
    known: set[tuple[str, str]] = set()
    for played in tally.played:
        connection = _connection(played)
        known.add((connection, played.external_id))
        if not played.complete:
            findings.add(Kind.OTHER, f"{played.plan.ticket} ({played.plan.way}) was not played to its end")
            continue
        check_events.check(findings, tables, played, connection)
        walk = check_walks.only_walk(findings, tables, played, connection)
        if walk is not None:
            check_walks.check(findings, tables, played, walk, connection)
            check_summaries.check(findings, told, played, walk)
    for connection, ticket in tables.walks.keys() - known:
        findings.add(Kind.OTHER, f"nobody asked for the walk of ticket {ticket} of {connection}")
    for problem in tally.problems:
        findings.add(Kind.OTHER, problem)
    _check_callbacks(findings, world, tables.deliveries)
    _check_open(findings, world.servers)
    _check_parked(findings, world.servers)
    for ending in world.fleet.ended:
        if NOT_IN_TIME in ending:
            findings.add(Kind.OTHER, f"{ending}: a stop is not bounded")
    return findings


def _connection(played: Played) -> str:
    return PSA if played.plan.way is Way.PSA else STANDARD[played.plan.tenant]


def _check_callbacks(findings: Findings, world: World, deliveries: Mapping[tuple[str, str], object]) -> None:
    """Every callback that was acknowledged is stored; open and parked ones are found by their state."""
    for sent in world.psa.deliveries():
        key = f"{sent.message_id}:{hashlib.sha256(sent.body).hexdigest()}"
        if any(answer in SUCCESS for answer in sent.answers) and (PSA, key) not in deliveries:
            findings.add(Kind.LOST, f"the callback {sent.message_id} was acknowledged and is not stored")


def _check_open(findings: Findings, servers: Servers) -> None:
    for table, rows in open_work(servers).items():
        for _ in range(rows):
            findings.add(Kind.OPEN, f"{rows} {table} rows are not settled")


def _check_parked(findings: Findings, servers: Servers) -> None:
    """Nothing is parked: no event of the plan needs a person. What is refused has its reason."""
    for table in ("delivery", "command", "outbox"):
        for row_id, reason in servers.rows(f"SELECT id, reason FROM {table} WHERE state = 'parked'"):  # noqa: S608 - a fixed name
            findings.add(Kind.PARKED, f"{table} {row_id} is parked: {reason}")
    for table in ("delivery", "command"):
        query = (
            f"SELECT id, state FROM {table} "  # noqa: S608 - a fixed name
            "WHERE state IN ('refused', 'ignored') AND coalesce(reason, '') = ''"
        )
        for row_id, state in servers.rows(query):
            findings.add(Kind.OTHER, f"{table} {row_id} is {state} without a reason")


def whatever_is_open(servers: Servers) -> Sequence[str]:
    """Return what is not settled, in words, for a person who looks into it."""
    return [
        f"{table} {row_id}: {state}, {attempts} attempts, due in {due:.0f} s, {reason}"
        for table, states in _OPEN_STATES.items()
        for row_id, state, attempts, due, reason in servers.rows(
            f"SELECT id, state, attempts, extract(epoch FROM next_attempt_at - now())::float8, reason"  # noqa: S608 - fixed names
            f" FROM {table} WHERE state IN ({states}) ORDER BY id LIMIT {SHOWN}"
        )
    ]


_OPEN_STATES = {
    "delivery": "'pending'",
    "command": "'pending'",
    "outbox": "'pending', 'sending', 'unknown'",
}
