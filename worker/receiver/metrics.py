"""Numbers for Prometheus: what the receiver answered, and what the tables say is open."""

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import DBAPIError

from worker.domain.notes import LATER_MS
from worker.errors import TicketwalkError
from worker.services.backlog import BacklogLine, backlog
from worker.services.canary import ages
from worker.services.context import Context
from worker.services.health import Health, every_health
from worker.services.notes.tally import Tally, tally

DELIVERIES = Counter("ticketwalk_deliveries", "Webhook deliveries by outcome", ["provider", "outcome"])


class BacklogCollector(Collector):
    """Reads the backlog from Postgres at each scrape; says nothing of it while Postgres is away."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        try:
            lines = backlog(self._context)
            canaries = ages(self._context)
            notes = tally(self._context)
            connections = every_health(self._context)
        except (TicketwalkError, DBAPIError):
            return
        yield from _open_rows(lines)
        yield _canaries(canaries)
        yield from _notes(notes)
        yield from _of_connections(connections)


def _open_rows(lines: Sequence[BacklogLine]) -> Iterator[Metric]:
    rows = GaugeMetricFamily("ticketwalk_rows", "Rows by table and state", labels=["table", "state"])
    age = GaugeMetricFamily(
        "ticketwalk_oldest_seconds", "Age of the oldest row that is open", labels=["table", "state"]
    )
    for line in lines:
        rows.add_metric([line.table, line.state], line.rows)
        age.add_metric([line.table, line.state], line.oldest_seconds)
    yield from (rows, age)


def _canaries(seconds_by_queue: Mapping[str, float]) -> Metric:
    canary = GaugeMetricFamily(
        "ticketwalk_canary_age_seconds", "Age of the newest canary drained", labels=["queue"]
    )
    for queue, seconds in seconds_by_queue.items():
        canary.add_metric([queue], seconds)
    return canary


def _notes(notes: Tally) -> Iterator[Metric]:
    yield HistogramMetricFamily(
        "ticketwalk_note_flush_lateness_seconds",
        "How long after its due time a draft of notes was written to its walk",
        buckets=[(_bound(bound), count) for bound, count in notes.within.items()],
        sum_value=notes.late_seconds,
    )
    yield CounterMetricFamily(
        "ticketwalk_note_writes", "Writes of due drafts to their walks", value=notes.writes
    )
    yield CounterMetricFamily("ticketwalk_note_saves_written", "Saves in those writes", value=notes.saves)


def _bound(milliseconds: int) -> str:
    return "+Inf" if milliseconds == LATER_MS else str(milliseconds / 1_000)


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
