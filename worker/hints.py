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
#: flags without a message, and what happens in those lanes until they run out is left to the sweep.
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
        room: dict[str, int] = {}
        try:
            for start in range(0, len(hints), FLAGGED_AT_ONCE):
                wanted.extend(self._wanted(hints[start : start + FLAGGED_AT_ONCE]))
                while wanted:
                    if self._has_room(wanted[0], room):
                        self._send(wanted[0])
                        reach(CrashPoint.PUBLISHER_BETWEEN_HINTS)
                    wanted.popleft()
        except (OperationalError, RedisError, OSError) as error:
            log.warning("hints not sent", dropped=len(hints), error=type(error).__name__)
            self._wakes.give_back(list(filter(None, map(_flag_of, wanted))))

    def _wanted(self, hints: Sequence[Hint]) -> list[Hint]:
        """What repeats does not ask for a flag: that of a wake-up that was lost stands for ten seconds."""
        claimed = iter(self._wakes.claim(list(filter(None, map(_flag_of, hints)))))
        return [hint for hint in hints if _flag_of(hint) is None or next(claimed)]

    def _has_room(self, hint: Hint, room: dict[str, int]) -> bool:
        """Return whether a hint may be sent: of what repeats, each share takes only so many."""
        share = self._share(hint) if hint.repeats else None
        if share is None:
            return True
        if share not in room:
            room[share] = self._shares.room_again(share)
        room[share] -= 1
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


def _flag_of(hint: Hint) -> str | None:
    """Return the lane that a hint may be flagged for."""
    return None if hint.repeats else hint.lane


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
