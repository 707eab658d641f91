"""Measure 6: how long another tenant's single event takes behind one tenant's storm."""

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

from celery import Celery
from redis import Redis
from sqlalchemy import text

from benchmarks.figures import Figure, Report, percentile
from benchmarks.running import wait_for
from benchmarks.serving import the_service
from benchmarks.stage import TECHNICIAN, Stage
from integrations.connectwise.simulator.running import RunningSimulator
from integrations.ports import Event, EventKind
from worker.broker import use_strict_transport
from worker.composition import build
from worker.db.models import ConnectionRow
from worker.domain.words import Role
from worker.hints import CeleryPublisher
from worker.services import routing
from worker.services.accounts import NewConnection, add_account, add_connection, add_user
from worker.services.context import Context
from worker.services.intake import NewDelivery, store

#: Each of a ticket of its own: the worst case, since each needs a wake-up of its own. The full storm has
#: 10 000: `make bench ARGS='--only sharing --rounds 1 --events 10000'`.
EVENTS = 2_000
#: Deliveries that share a commit, as when they come together.
TOGETHER = 50
#: Single events of the other tenant, and the pause after each in seconds; before them a few together.
SINGLES, PAUSE_SECONDS, FIRST = 20, 0.5, 6
#: A single event that takes longer, in seconds, counts as this long.
PATIENCE_SECONDS = 20.0
STORMY, OTHER = "Stormy MSP", "Other MSP"


@dataclass(frozen=True, slots=True)
class Way:
    """One kind of events, the connection of either tenant, and how to see what one event took."""

    name: str
    connections: dict[str, UUID]
    event: Callable[[str], Event]
    took: str

    def deliveries(self, context: Context, tenant: str, tickets: Sequence[str]) -> list[NewDelivery]:
        connection_id = self.connections[tenant]
        account_id = routing.account_of(context, ConnectionRow, connection_id)
        return [
            NewDelivery(account_id, connection_id, _lane(event), event, json.dumps(event.command).encode())
            for event in map(self.event, tickets)
        ]


def measure(stage: Stage, report: Report, rounds: int, *, events: int = EVENTS) -> None:
    """Store single events while nothing else is to be done, then behind a storm; by turns."""
    for tenant in (STORMY, OTHER):
        add_account(stage.context, tenant)
        add_user(
            stage.context,
            account=tenant,
            email=TECHNICIAN,
            role=Role.L1_TECH,
            can_cover_l1=False,
            psa_member=None,
        )
    with RunningSimulator() as psa, _waking(stage) as context, the_service(stage):
        for way in (_commands(stage), _changes(stage, psa)):
            alone, behind = [], []
            for _ in range(rounds):
                alone.append(_singles(stage, context, way))
                behind.append(_behind_a_storm(stage, context, way, events))
            report.figures += _figures(way, behind, alone)
    report.remarks.append(f"sharing: {events} events of one tenant, {SINGLES} single ones of another")


def _figures(way: Way, behind: list[list[float]], alone: list[list[float]]) -> Iterator[Figure]:
    for name, share in (("p50", 0.5), ("at most", 1.0)):
        found = [[percentile(seconds, share) for seconds in of] for of in (behind, alone)]
        yield Figure(f"sharing: {way.name}", name, "s", "behind a storm", "alone", *found)


def _commands(stage: Stage) -> Way:
    """Starts that come as standard webhooks, and are done when they are applied."""
    connections = {
        tenant: add_connection(
            stage.context,
            NewConnection(tenant, "standard", f"{tenant} tool", "http://127.0.0.1:9", {}, (stage.secret,)),
        )
        for tenant in (STORMY, OTHER)
    }
    took = """
        SELECT extract(epoch FROM c.settled_at - d.received_at) AS seconds
        FROM command c JOIN delivery d ON d.id = c.delivery_id WHERE d.id = :id AND c.settled_at IS NOT NULL
    """
    return Way("a standard command applied", connections, _start, took)


def _changes(stage: Stage, psa: RunningSimulator) -> Way:
    """Changed tickets of a PSA, which is asked about each; done when they are interpreted."""
    connections = {
        tenant: add_connection(
            stage.context,
            NewConnection(tenant, "connectwise", f"{tenant} PSA", psa.base_url, psa.credentials, ()),
        )
        for tenant in (STORMY, OTHER)
    }
    took = """
        SELECT extract(epoch FROM interpreted_at - received_at) AS seconds
        FROM delivery WHERE id = :id AND interpreted_at IS NOT NULL
    """
    return Way("a PSA's webhook interpreted", connections, _change, took)


def _start(ticket: str) -> Event:
    data = {"ticket_id": ticket, "user": TECHNICIAN, "kind": "adhoc"}
    return Event(EventKind.COMMAND, uuid4().hex, ticket, command={"type": "session.start", "data": data})


def _change(ticket: str) -> Event:
    return Event(EventKind.TICKET_CHANGED, uuid4().hex, ticket)


def _lane(event: Event) -> str:
    return "" if event.kind is EventKind.COMMAND else event.ticket_id or ""


def _behind_a_storm(stage: Stage, context: Context, way: Way, events: int) -> list[float]:
    for _ in range(events // TOGETHER):
        store(context, way.deliveries(context, STORMY, [_any_ticket() for _ in range(TOGETHER)]))
    seconds = _singles(stage, context, way)
    _forget_storm(stage, way)
    return seconds


def _any_ticket() -> str:
    return str(uuid4().int % 10**9)


def _singles(stage: Stage, context: Context, way: Way) -> list[float]:
    """Store a few events at once, then one after another. Return how long each of these took, in seconds."""
    store(context, way.deliveries(context, OTHER, [_any_ticket() for _ in range(FIRST)]))
    found = []
    for _ in range(SINGLES):
        [stored] = store(context, way.deliveries(context, OTHER, [_any_ticket()]))
        found.append(_seconds(stage, way, stored.delivery_id))
        threading.Event().wait(PAUSE_SECONDS)
    return found


def _seconds(stage: Stage, way: Way, delivery_id: int) -> float:
    done = f"SELECT count(*) FROM ({way.took}) took"  # noqa: S608 - our own text
    try:
        wait_for("the event", lambda: stage.count(done, id=delivery_id) == 1, seconds=PATIENCE_SECONDS)
    except TimeoutError:
        return PATIENCE_SECONDS
    with stage.database.begin() as connection:
        return float(connection.execute(text(way.took), {"id": delivery_id}).scalar_one())


def _forget_storm(stage: Stage, way: Way) -> None:
    """What is left of the storm is not waited for: it would disturb the next round."""
    values = {"id": way.connections[STORMY]}
    with stage.database.begin() as connection:
        for table in ("command", "delivery"):
            query = f"DELETE FROM {table} WHERE connection_id = :id AND state = 'pending'"  # noqa: S608 - literals
            connection.execute(text(query), values)
    with Redis(unix_socket_path=str(stage.settings.home_of_servers.redis_socket)) as redis:
        redis.flushall()


@contextmanager
def _waking(stage: Stage) -> Iterator[Context]:
    """A context that sends its hints by the service's own settings of Celery; the service inherits them."""
    settings = {"TICKETWALK_HOME": str(stage.settings.home), "TICKETWALK_ALLOW_PRIVATE_HOSTS": "true"}
    os.environ.update(settings)
    use_strict_transport()
    app = Celery(set_as_current=False)
    app.config_from_object("celeryconfig")
    try:
        yield build(stage.settings, CeleryPublisher(app))
    finally:
        app.close()
        for name in settings:
            del os.environ[name]
