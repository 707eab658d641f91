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
        except (TicketwalkError, DBAPIError):
            return
        yield from _open_rows(lines)
        yield _canaries(canaries)
        yield from _notes(notes)


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
