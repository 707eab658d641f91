"""Numbers for Prometheus: what the receiver answered, and what the tables say is open."""

from collections.abc import Iterator, Sequence

from prometheus_client import Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import DBAPIError

from worker.errors import TicketwalkError
from worker.services.backlog import backlog
from worker.services.canary import ages
from worker.services.context import Context
from worker.services.health import Health, every_health

DELIVERIES = Counter("ticketwalk_deliveries", "Webhook deliveries by outcome", ["provider", "outcome"])


class BacklogCollector(Collector):
    """Reads the backlog from Postgres at each scrape; says nothing of it while Postgres is away."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        try:
            lines = backlog(self._context)
            canaries = ages(self._context)
            connections = every_health(self._context)
        except (TicketwalkError, DBAPIError):
            return
        rows = GaugeMetricFamily("ticketwalk_rows", "Rows by table and state", labels=["table", "state"])
        age = GaugeMetricFamily(
            "ticketwalk_oldest_seconds", "Age of the oldest row that is open", labels=["table", "state"]
        )
        for line in lines:
            rows.add_metric([line.table, line.state], line.rows)
            age.add_metric([line.table, line.state], line.oldest_seconds)
        canary = GaugeMetricFamily(
            "ticketwalk_canary_age_seconds", "Age of the newest canary drained", labels=["queue"]
        )
        for queue, seconds in canaries.items():
            canary.add_metric([queue], seconds)
        yield from (rows, age, canary)
        yield from _of_connections(connections)


def _of_connections(connections: Sequence[Health]) -> Iterator[Metric]:
    """Yield how it goes with each connection, by its id; names are people's."""
    labels = ["provider", "connection"]
    silent = GaugeMetricFamily(
        "ticketwalk_connection_silent_seconds",
        "Time without a webhook although tickets changed; 0 where all is well",
        labels=labels,
    )
    paused = GaugeMetricFamily("ticketwalk_connection_paused", "1 while nobody calls the PSA", labels=labels)
    problems = GaugeMetricFamily(
        "ticketwalk_connection_problems", "Problems that a person should look at", labels=labels
    )
    missed = CounterMetricFamily(
        "ticketwalk_missed_webhooks", "Tickets that changed without a webhook", labels=labels
    )
    for one in connections:
        names = [one.connection.provider, str(one.connection.id)]
        silent.add_metric(names, one.silent.total_seconds() if one.silent else 0)
        paused.add_metric(names, int(one.paused_until is not None))
        problems.add_metric(names, len(one.problems))
        missed.add_metric(names, one.state.missed)
    yield from (silent, paused, problems, missed)
