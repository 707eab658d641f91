"""Tickets that changed since a moment, by Zendesk's incremental export."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from integrations.ports import ChangedTicket
from integrations.zendesk.api import MAX_PAGES, Api, Params, too_many
from integrations.zendesk.lists import Export
from integrations.zendesk.mapping import stamp

PATH = "/incremental/tickets/cursor"
#: A later start is refused with StartTimeTooRecent ("Using the Incremental Export API": the latest minute is
#: left out); five seconds for clocks that differ.
LATEST_START = timedelta(seconds=65)


def changed_since(api: Api, moment: datetime, *, now: datetime) -> Iterator[ChangedTicket]:
    """Yield the tickets changed since `moment`, the longest unchanged first. A comment changes its ticket.

    The cursor stands for a place in time, so a ticket that changes while the list is read hides no other.
    Deleted tickets are left out.
    """
    start = int(min(moment, now - LATEST_START).timestamp())
    params: Params = {"start_time": start, "exclude_deleted": "true"}
    seen = set[tuple[int, str]]()
    for _ in range(MAX_PAGES):
        export = api.record(Export, PATH, params)
        for ticket in export.tickets:
            change = (ticket.id, stamp(ticket.updated_at))
            if change not in seen and ticket.generated_timestamp >= int(moment.timestamp()):
                seen.add(change)
                yield ChangedTicket(str(ticket.id), change[1])
        if export.end_of_stream or not export.after_cursor:
            return
        params = {"cursor": export.after_cursor, "exclude_deleted": "true"}
    raise too_many()
