"""Plays the plans: several tickets at a time, at a steady pace, until told to begin no more."""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import count
from random import Random

from tests.chaos.hand import HandSender
from tests.chaos.plan import Event, TicketPlan, Way, plan_ticket
from tests.chaos.sender import Sender
from tests.chaos.tally import Played, Tally
from tests.chaos.technician import Technician

#: Tickets played at a time, by the way their events come: a ticket of the PSA mostly waits.
PLAYERS = {frozenset({Way.STANDARD}): 16, frozenset({Way.HAND, Way.PSA}): 10}
#: Requests under way at a time.
REQUESTS = 16


class Pace:
    """Lets so many events through per second."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1 / per_second
        self._next = time.monotonic()
        self._lock = threading.Lock()

    def take(self, number: int, stop: threading.Event) -> None:
        """Return when `number` more events may be sent."""
        with self._lock:
            now = time.monotonic()
            self._next = max(self._next, now) + number * self._gap
            ahead = self._next - now
        stop.wait(ahead)


@dataclass(frozen=True)
class Senders:
    """The ways in: a webhook sender per tenant, tasks by hand, people in the PSA."""

    webhooks: Mapping[int, Sender]
    hand: HandSender
    technician: Technician
    #: The connection that tasks by hand name for tickets of their own.
    hand_connection: str


class Players:
    """Threads that each play one ticket after the other."""

    def __init__(
        self,
        senders: Senders,
        tally: Tally,
        pace: Pace,
        *,
        players: Mapping[frozenset[Way], int],
        seed: int,
        gave_up: threading.Event,
    ) -> None:
        self._senders = senders
        self._tally = tally
        self._pace = pace
        self._seed = seed
        self._gave_up = gave_up
        self._enough = threading.Event()
        self._requests = ThreadPoolExecutor(REQUESTS, thread_name_prefix="request")
        self._threads = [
            threading.Thread(target=self._run, args=(plans,), name="player")
            for plans, number in ((self._plans(ways), number) for ways, number in players.items())
            for _ in range(number)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self, seconds: float) -> None:
        """Begin no more tickets, and wait until those begun are played to their end."""
        self._enough.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.give_up()

    def give_up(self) -> None:
        """End now, whatever is still to be sent."""
        self._enough.set()
        self._gave_up.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self._requests.shutdown()

    def _plans(self, ways: Collection[Way]) -> Callable[[], TicketPlan]:
        """Return where the players of these ways take their plans from, each one once."""
        numbers, lock = count(1), threading.Lock()

        def take() -> TicketPlan:
            with lock:
                return next(
                    plan for plan in (plan_ticket(self._seed, n) for n in numbers) if plan.way in ways
                )

        return take

    def _run(self, take: Callable[[], TicketPlan]) -> None:
        while not self._enough.is_set():
            plan = take()
            try:
                self._play(plan)
            except Exception as error:  # noqa: BLE001 - the checker is to hear of it, not the thread
                self._tally.problem(f"{plan.ticket}: the player failed: {error!r}")

    def _play(self, plan: TicketPlan) -> None:
        if plan.way is Way.PSA:
            self._senders.technician.play(plan)
            return
        played = self._tally.begin(plan, plan.ticket)
        shuffled = Random(plan.ticket)  # noqa: S311 - to be repeated, not to be secret
        for events in plan.rounds:
            self._pace.take(len(events), self._gave_up)
            if plan.way is Way.HAND:
                for event in events:
                    self._senders.hand.call(played, event, self._senders.hand_connection)
            else:
                self._send(played, self._addressed(played, events), shuffled)
        played.complete = not self._gave_up.is_set()

    def _addressed(self, played: Played, events: Sequence[Event]) -> Sequence[Event]:
        """Have those name the walk's session that would, where it has started; every copy says the same."""
        if not any(event.by_session for event in events):
            return events
        session_id = self._senders.hand.session_of(played.external_id)
        if session_id is None:
            return events
        return [event.of_session(session_id) if event.by_session else event for event in events]

    def _send(self, played: Played, events: Sequence[Event], random: Random) -> None:
        """Send a round: every copy of every event, in any order, all at the same time."""
        sender = self._senders.webhooks[played.plan.tenant]
        copies = [event for event in events for _ in range(event.copies)]
        random.shuffle(copies)
        futures: list[Future[None]] = []
        first: set[str] = set()
        for event in copies:
            send = sender.again if event.key in first else sender.deliver
            first.add(event.key)
            futures.append(self._requests.submit(send, played, event))
        wait(futures)
        for future in futures:
            future.result()
