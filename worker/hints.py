"""Send hints to the workers through the broker: bounded, and never in the way of what was committed."""

import queue
import threading
from collections import deque
from collections.abc import Sequence

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from worker.crash_points import CrashPoint, reach
from worker.db.unit_of_work import Hint
from worker.shares import AGAIN_HEADER, SHARE_HEADER, Shares, share_of, shares
from worker.wakes import LANE_HEADER, Wakes, wakes

log = structlog.get_logger()

#: Hints that wait for a silent broker in the receiver; more are dropped, and the sweep finds their rows.
BACKLOG = 10_000
#: Hints sent together; their lanes are looked up in one round trip.
BATCH = 100
#: Hints whose lanes are flagged together, just before they are sent: a publisher that dies in between leaves
#: flags without a message, and the sweep waits for these to run out.
FLAGGED_AT_ONCE = 20


class CeleryPublisher:
    """Publishes at once. Bounded by the broker settings in `celeryconfig`; a failure is only counted."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def publish(self, hints: Sequence[Hint]) -> None:
        """Send each hint whose lane has none waiting; stop at the first that the broker does not take.

        What repeats is left out where enough waits.
        """
        wanted: deque[Hint] = deque()
        try:
            room = self._room_of_what_repeats(hints)
            for start in range(0, len(hints), FLAGGED_AT_ONCE):
                wanted.extend(self._wanted(hints[start : start + FLAGGED_AT_ONCE]))
                while wanted:
                    if self._has_room(wanted[0], room):
                        self._send(wanted[0])
                        reach(CrashPoint.PUBLISHER_BETWEEN_HINTS)
                    wanted.popleft()
        except (OperationalError, RedisError, OSError) as error:
            log.warning("hints not sent", dropped=len(hints), error=type(error).__name__)
            self._wakes.give_back([hint.lane for hint in wanted if hint.lane is not None])

    def _room_of_what_repeats(self, hints: Sequence[Hint]) -> dict[str, int]:
        """Return how many of what repeats each share takes.

        Asked even if no hint will be sent: it lets in what waits for a place, which nothing else may do where
        a worker died with all that stood in the queue.
        """
        shares_of = dict.fromkeys(self._share(hint) for hint in hints if hint.repeats)
        return {share: self._shares.room_again(share) for share in shares_of if share is not None}

    def _wanted(self, hints: Sequence[Hint]) -> list[Hint]:
        lanes = [hint.lane for hint in hints if hint.lane is not None]
        claimed = iter(self._wakes.claim(lanes))
        return [hint for hint in hints if hint.lane is None or next(claimed)]

    def _has_room(self, hint: Hint, room: dict[str, int]) -> bool:
        """Return whether a hint may be sent. A lane whose hint may not can be waked again."""
        share = self._share(hint) if hint.repeats else None
        if share is None:
            return True
        room[share] -= 1
        if room[share] < 0 and hint.lane is not None:
            self._wakes.give_back([hint.lane])
        return room[share] >= 0

    def _send(self, hint: Hint) -> None:
        """Nobody reads the result of a hint: the row says what became of it."""
        self._app.send_task(
            hint.task,
            kwargs=hint.arguments,
            ignore_result=True,
            headers={
                LANE_HEADER: hint.lane,
                SHARE_HEADER: self._share(hint),
                AGAIN_HEADER: hint.repeats,
            },
            queue=hint.queue,
        )

    def _share(self, hint: Hint) -> str | None:
        """Return whose hint it is and of which queue; None where it is no account's."""
        account_id = hint.arguments.get("account_id")
        if not account_id:
            return None
        queue_name = hint.queue or self._app.amqp.router.route({}, hint.task)["queue"].name
        return share_of(account_id, queue_name)

    @property
    def _wakes(self) -> Wakes:
        return wakes(self._app.conf.broker_url)

    @property
    def _shares(self) -> Shares:
        return shares(self._app.conf.broker_url)


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
