"""Tickets that changed since a moment, read so that a change in the meantime hides no other one."""

from collections.abc import Iterator
from datetime import UTC, datetime

from integrations.connectwise.api import MAX_PAGES, Api, too_many
from integrations.connectwise.mapping import Changed, stamp
from integrations.errors import UnreachableError
from integrations.ports import ChangedTicket


def changed_since(api: Api, moment: datetime) -> Iterator[ChangedTicket]:
    """Yield the tickets saved since `moment`, the longest unchanged first. A new note saves its ticket.

    Each page starts where the last one ended in time, not in number: a ticket saved while the list is read
    moves to its end, and every number behind it shifts by one. The version has whole seconds, as ConnectWise
    shows no finer ones.
    """
    since, number, seen = moment, 1, set[tuple[int, datetime]]()
    for _ in range(MAX_PAGES):
        params = {"conditions": f"lastUpdated >= [{stamp(since)}]", "orderBy": "lastUpdated asc"}
        page, more = api.page(Changed, "/service/tickets", {**params, "fields": "id,_info", "page": number})
        for ticket in page:
            saved = _saved_at(ticket)
            if (ticket.id, saved) not in seen:
                seen.add((ticket.id, saved))
                yield ChangedTicket(str(ticket.id), stamp(saved))
        if not more or not page:
            return
        last = _saved_at(page[-1])
        since, number = (last, 1) if last > since else (since, number + 1)
    raise too_many()


def _saved_at(ticket: Changed) -> datetime:
    if ticket.info.last_updated is None:
        raise UnreachableError("ConnectWise listed a ticket without the time of its last change")
    return ticket.info.last_updated.astimezone(UTC)
