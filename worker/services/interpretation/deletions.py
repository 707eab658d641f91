"""A delivery that says that its ticket was deleted, while the PSA still shows the ticket.

A webhook may come before the PSA's own reads know what it tells. Nothing else would tell it again: no
reconcile lists a deleted ticket, and its walk would go on for a day.
"""

from datetime import datetime, timedelta

from integrations.ports import EventKind
from worker.db.models import DeliveryRow
from worker.domain.words import DeliveryState
from worker.services.interpretation.meaning import Meaning

#: How long after it was received such a delivery is asked about once more: longer than a replica is behind in
#: ordinary times. The ticket's other deliveries wait behind it.
ASKED_AGAIN_AFTER = timedelta(seconds=30)
STILL_SHOWN = "the PSA still shows the ticket that it said was deleted"


def judged(row: DeliveryRow, meaning: Meaning, *, is_shown: bool, now: datetime) -> Meaning:
    """Return what one delivery means, where `meaning` is that of all of the ticket's.

    One look comes when the delivery is that old, and it is the last.
    """
    settled = row.event_kind != EventKind.TICKET_DELETED or meaning.state is DeliveryState.PENDING
    if settled or not is_shown:
        return meaning
    wait = row.received_at + ASKED_AGAIN_AFTER - now
    if wait > timedelta():
        return Meaning(DeliveryState.PENDING, f"{STILL_SHOWN}; it is asked once more", wait=wait)
    if meaning.state is DeliveryState.IGNORED:
        return Meaning(DeliveryState.IGNORED, f"{STILL_SHOWN}; {meaning.reason}")
    return meaning
