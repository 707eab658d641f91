"""Send hints to the workers through the broker: bounded, and never in the way of what was committed."""

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import structlog
from celery import Celery
from celery.utils import uuid
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from worker.crash_points import CrashPoint, reach
from worker.db.unit_of_work import Hint
from worker.wakes import BEHIND, FRONT, LANE_HEADER, SHARE_HEADER, Wakes, wakes

log = structlog.get_logger()

#: Hints that wait for a silent broker in the receiver; more are dropped, and the sweep finds their rows.
BACKLOG = 10_000
#: Hints sent together; their lanes are looked up in one round trip.
BATCH = 100
#: A queue with more messages than this has workers that are behind, not hints that were lost: the sweep adds
#: nothing to it but what finds room in front, while that is not so full itself. Without this bound, two beats
#: hint at 200 lanes a second where 100 tasks a second are done: after ten minutes of faults some 25 000 stale
#: wake-ups stood before every fresh task (`make chaos`).
FULL_QUEUE = 300


@dataclass(frozen=True, slots=True)
class _Message:
    """A hint on its way. `share`: the account and the queue that it is counted for; empty: none."""

    hint: Hint
    id: str
    share: str
    priority: int = FRONT


class CeleryPublisher:
    """Publishes at once. Bounded by the broker settings in `celeryconfig`; a failure is only counted."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def publish(self, hints: Sequence[Hint]) -> None:
        """Send each hint whose lane has none waiting; stop at the first that the broker does not take.

        What is beyond its account's share in front of a queue goes behind; what repeats is left out there,
        once the queue is full.
        """
        try:
            for message in self._messages(self._wanted(hints)):
                self._send(message)
                reach(CrashPoint.PUBLISHER_BETWEEN_HINTS)
        except (OperationalError, RedisError, OSError) as error:
            log.warning("hints not sent", dropped=len(hints), error=type(error).__name__)

    def _wanted(self, hints: Sequence[Hint]) -> list[Hint]:
        lanes = [hint.lane for hint in hints if hint.lane is not None]
        claimed = iter(self._wakes.claim(lanes))
        return [hint for hint in hints if hint.lane is None or next(claimed)]

    def _messages(self, hints: Sequence[Hint]) -> Iterator[_Message]:
        """Yield what is to be sent; those of an account and queue ask for their places together."""
        for share, of_share in groupby(sorted(hints, key=self._share), key=self._share):
            yield from self._placed(share, [_Message(hint, uuid(), share) for hint in of_share])

    def _placed(self, share: str, messages: Sequence[_Message]) -> Iterator[_Message]:
        """Yield those that find room in front, then the rest for behind; of a full queue's only new ones."""
        in_front, behind = self._waiting(messages)
        if in_front >= FULL_QUEUE:
            messages = self._new_ones(messages)
        ids = [message.id for message in messages]
        room = self._wakes.take_front(share, ids) if share else len(ids)
        yield from messages[:room]
        rest = messages[room:]
        if in_front + behind >= FULL_QUEUE:
            rest = self._new_ones(rest)
        if rest:
            self._wakes.sent_behind(share)
        yield from (replace(message, priority=BEHIND) for message in rest)

    def _waiting(self, messages: Sequence[_Message]) -> tuple[int, int]:
        """Only what repeats is kept from a queue that is full, so only then it is looked at."""
        if not any(message.hint.repeats for message in messages):
            return 0, 0
        return self._wakes.waiting(self._queue(messages[0].hint))

    def _new_ones(self, messages: Sequence[_Message]) -> Sequence[_Message]:
        for message in messages:
            if message.hint.repeats and message.hint.lane is not None:
                self._wakes.received(message.hint.lane)
        return [message for message in messages if not message.hint.repeats]

    def _send(self, message: _Message) -> None:
        """Nobody reads the result of a hint: the row says what became of it."""
        hint = message.hint
        self._app.send_task(
            hint.task,
            kwargs=hint.arguments,
            task_id=message.id,
            ignore_result=True,
            headers={LANE_HEADER: hint.lane, SHARE_HEADER: message.share or None},
            queue=hint.queue,
            priority=message.priority,
        )

    def _share(self, hint: Hint) -> str:
        """Return whose hint it is and for which queue; empty where it is no account's."""
        account_id = hint.arguments.get("account_id")
        return f"{self._queue(hint)}:{account_id}" if account_id else ""

    def _queue(self, hint: Hint) -> str:
        return hint.queue or str(self._app.amqp.router.route({}, hint.task)["queue"].name)

    @property
    def _wakes(self) -> Wakes:
        return wakes(self._app.conf.broker_url)


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
