"""The tables as plain SQL finds them: what the checker looks at."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.chaos.servers import Servers


@dataclass(frozen=True)
class Delivery:
    state: str
    reason: str | None


@dataclass(frozen=True)
class Command:
    """One command's row. Times are the database's."""

    key: str
    type: str
    state: str
    reason: str | None
    result: Mapping[str, Any]
    sequence: int | None
    received_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True)
class Push:
    """One outbox row."""

    kind: str
    state: str
    marker: str
    reason: str | None


@dataclass
class Walk:
    """A walk with its steps (node, answer, note) in order, and what is told of it."""

    session_id: str
    ticket: str
    connection: str
    kind: str
    status: str
    notes: Sequence[Mapping[str, Any]]
    steps: list[tuple[str, str, str]] = field(default_factory=list)
    pushes: list[Push] = field(default_factory=list)


@dataclass
class Tables:
    """All of it, by the names that the senders know."""

    connections: Mapping[str, str]
    deliveries: Mapping[tuple[str, str], Delivery]
    commands: Mapping[str, Sequence[Command]]
    walks: Mapping[tuple[str, str], Sequence[Walk]]


def read_tables(servers: Servers) -> Tables:
    """Read everything that the checker judges, as it was at one moment: what was not settled may go on."""
    with servers.one_moment():
        return Tables(
            connections=dict(servers.rows("SELECT name, id::text FROM connection")),
            deliveries=_deliveries(servers),
            commands=_commands(servers),
            walks=_walks(servers),
        )


def _deliveries(servers: Servers) -> dict[tuple[str, str], Delivery]:
    rows = servers.rows(
        "SELECT c.name, d.dedupe_key, d.state, d.reason FROM delivery d"
        " JOIN connection c ON c.id = d.connection_id"
    )
    return {(name, key): Delivery(state, reason) for name, key, state, reason in rows}


def _commands(servers: Servers) -> dict[str, list[Command]]:
    found: dict[str, list[Command]] = defaultdict(list)
    for key, *rest in servers.rows(
        "SELECT key, type, state, reason, coalesce(result, '{}'), sequence, received_at, settled_at"
        " FROM command ORDER BY id"
    ):
        found[key].append(Command(key, *rest))
    return found


def _walks(servers: Servers) -> dict[tuple[str, str], list[Walk]]:
    walks: dict[str, Walk] = {}
    for row in servers.rows(
        "SELECT s.id::text, t.external_id, c.name, s.kind, s.status, s.walk_notes FROM l1_walk_session s"
        " JOIN ticket t ON t.id = s.ticket_id LEFT JOIN connection c ON c.id = t.connection_id"
    ):
        walks[row[0]] = Walk(*row)
    for session_id, *step in servers.rows(
        "SELECT session_id::text, node_id, answer, coalesce(l1_note, '') FROM walk_step"
        " WHERE withdrawn_at IS NULL ORDER BY session_id, position"
    ):
        walks[session_id].steps.append((step[0], step[1], step[2]))
    for session_id, *push in servers.rows(
        "SELECT session_id::text, kind, state, marker, reason FROM outbox ORDER BY id"
    ):
        walks[session_id].pushes.append(Push(*push))
    by_ticket: dict[tuple[str, str], list[Walk]] = defaultdict(list)
    for walk in walks.values():
        by_ticket[walk.connection, walk.ticket].append(walk)
    return by_ticket
