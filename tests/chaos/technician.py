"""What people do in the PSA: they make tickets and type notes, and the PSA tells the service by callback.

ConnectWise does not repeat a callback that met a closed port. What nobody acknowledged was never accepted, so
the technician saves the ticket once more, as people do.
"""

import threading
import time

from integrations.connectwise.simulator import RunningSimulator
from integrations.connectwise.simulator.callbacks import Delivery
from tests.chaos.hand import HandSender
from tests.chaos.plan import TicketPlan
from tests.chaos.tally import Played, Tally

MEMBER = "jdoe"
#: A saved ticket whose callbacks all failed, or are late, is saved again after so many seconds.
SAVE_AGAIN_SECONDS = 12.0
#: What was accepted shows its effect within this, in seconds, faults included.
EFFECT_SECONDS = 240.0
SUCCESS = range(200, 300)


class Technician:
    """Plays the tickets that begin in the PSA."""

    def __init__(
        self, psa: RunningSimulator, hand: HandSender, connection: str, tally: Tally, gave_up: threading.Event
    ) -> None:
        self._psa = psa
        self._hand = hand
        self._connection = connection
        self._tally = tally
        self._gave_up = gave_up

    def play(self, plan: TicketPlan) -> Played:
        """Make the ticket, wait for its walk, type its notes, end it."""
        mark = len(self._psa.deliveries())
        word = "vpn" if plan.kind == "flow" else "adhoc"
        played = self._tally.begin(plan, self._psa.create_ticket(f"{word} {plan.ticket}", assigned_to=MEMBER))
        self._await_callback(played, mark)
        if not self._await_walk(played):
            return played
        for text in plan.typed:
            self._type(played, text)
        for event in (event for events in plan.rounds for event in events):
            self._hand.call(played, event, self._connection)
        played.complete = not self._gave_up.is_set()
        return played

    def _type(self, played: Played, text: str) -> None:
        mark = len(self._psa.deliveries())
        note_id = self._psa.add_note(played.external_id, text, member=MEMBER)
        self._await_callback(played, mark)
        query = "SELECT 1 FROM command WHERE key LIKE %(key)s"
        key = f"connectwise:%:note:{note_id}"
        if not self._hand.wait_for(lambda: bool(self._hand.rows(query, key=key)), EFFECT_SECONDS):
            self._tally.problem(f"{played.plan.ticket}: the typed note {note_id} was accepted, not filed")

    def _await_walk(self, played: Played) -> bool:
        query = """
            SELECT 1 FROM l1_walk_session s JOIN ticket t ON t.id = s.ticket_id
            WHERE t.external_id = %(ticket)s
        """
        begun = self._hand.wait_for(
            lambda: bool(self._hand.rows(query, ticket=played.external_id)), EFFECT_SECONDS
        )
        if not begun:
            self._tally.problem(f"{played.plan.ticket}: its callback was accepted, no walk began")
        return begun

    def _await_callback(self, played: Played, mark: int) -> None:
        """Return once a callback of a save after `mark` is acknowledged; save again while none is."""
        self._tally.count("events")
        since = time.monotonic()
        while not self._gave_up.wait(0.1):
            sent = [delivery for delivery in self._psa.deliveries()[mark:] if _is_of(delivery, played)]
            if any(answer in SUCCESS for delivery in sent for answer in delivery.answers):
                self._tally.count("acknowledged")
                return
            failed = bool(sent) and all(delivery.done for delivery in sent)
            if failed or time.monotonic() - since > SAVE_AGAIN_SECONDS:
                self._psa.assign(played.external_id, MEMBER, member=MEMBER)
                self._tally.count("saved again")
                since, mark = time.monotonic(), mark + len(sent)


def _is_of(delivery: Delivery, played: Played) -> bool:
    return str(delivery.ticket_id) == played.external_id
