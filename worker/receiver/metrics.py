"""Numbers for Prometheus: what the receiver answered, and what the tables say is open."""

from collections.abc import Iterator

from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import DBAPIError

from worker.errors import TicketwalkError
from worker.services.backlog import backlog
from worker.services.canary import ages
from worker.services.context import Context

DELIVERIES = Counter("ticketwalk_deliveries", "Webhook deliveries by outcome", ["provider", "outcome"])


class BacklogCollector(Collector):
    """Reads the backlog from Postgres at each scrape; says nothing of it while Postgres is away."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges."""
        try:
            lines = backlog(self._context)
            canaries = ages(self._context)
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
