"""Send hints to the workers through the broker: bounded, and never in the way of what was committed."""

import queue
import threading
from collections.abc import Iterator, Sequence

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from worker.crash_points import CrashPoint, reach
from worker.db.unit_of_work import Hint
from worker.wakes import LANE_HEADER, wakes

log = structlog.get_logger()

#: Hints that wait for a silent broker in the receiver; more are dropped, and the sweep finds their rows.
BACKLOG = 10_000
#: Hints sent together; their lanes are looked up in one round trip.
BATCH = 100
#: A queue with more messages than this has workers that are behind, not hints that were lost: the sweep adds
#: nothing to it. Without this bound, two beats hint at 200 lanes a second where 100 tasks a second are done:
#: after ten minutes of faults some 25 000 stale wake-ups stood before every fresh task (`make chaos`).
FULL_QUEUE = 300


class CeleryPublisher:
    """Publishes at once. Bounded by the broker settings in `celeryconfig`; a failure is only counted."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def publish(self, hints: Sequence[Hint]) -> None:
        """Send each hint whose lane has none waiting; stop at the first that the broker does not take."""
        try:
            for hint in self._wanted(hints):
                # nobody reads the result of a hint: the command's row says what became of it
                self._app.send_task(
                    hint.task,
                    kwargs=hint.arguments,
                    ignore_result=True,
                    headers={LANE_HEADER: hint.lane},
                    queue=hint.queue,
                )
                reach(CrashPoint.PUBLISHER_BETWEEN_HINTS)
        except (OperationalError, RedisError, OSError) as error:
            log.warning("hints not sent", dropped=len(hints), error=type(error).__name__)

    def _wanted(self, hints: Sequence[Hint]) -> Iterator[Hint]:
        hints = [hint for hint in hints if not hint.repeats] + self._repeated([h for h in hints if h.repeats])
        lanes = [hint.lane for hint in hints if hint.lane is not None]
        claimed = iter(wakes(self._app.conf.broker_url).claim(lanes))
        for hint in hints:
            if hint.lane is None or next(claimed):
                yield hint

    def _repeated(self, hints: Sequence[Hint]) -> list[Hint]:
        """Return those that go to a queue which has room."""
        queues = [hint.queue or self._app.amqp.router.route({}, hint.task)["queue"].name for hint in hints]
        waiting = {name: wakes(self._app.conf.broker_url).messages(name) for name in set(queues)}
        return [hint for hint, name in zip(hints, queues, strict=True) if waiting[name] < FULL_QUEUE]


class BackgroundPublisher:
    """Publishes from one thread of its own, so that a frozen broker never delays an answer."""

    def __init__(self, publisher: CeleryPublisher) -> None:
        self._publisher = publisher
        self._hints: queue.Queue[Hint] = queue.Queue(BACKLOG)
        threading.Thread(target=self._run, name="hints", daemon=True).start()

    def publish(self, hints: Sequence[Hint]) -> None:
        """Hand the hints over; those that do not fit are dropped."""
        for hint in hints:
            try:
                self._hints.put_nowait(hint)
            except queue.Full:
                log.warning("hint dropped", task=hint.task)

    def _run(self) -> None:
        while True:
            waiting = [self._hints.get()]
            while len(waiting) < BATCH and not self._hints.empty():
                waiting.append(self._hints.get())
            self._publisher.publish(waiting)


class SilentPublisher:
    """Sends nothing: for commands that only read or set up."""

    def publish(self, hints: Sequence[Hint]) -> None:
        """Drop the hints; the sweep finds what they were about."""
