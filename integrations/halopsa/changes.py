"""Which tickets have changed: read from the last action backwards, as no filter for it is documented."""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

from integrations.errors import PayloadError, RejectedError, UnreachableError
from integrations.halopsa.api import HaloApi
from integrations.halopsa.listing import items
from integrations.halopsa.records import ListedTicket, moment, read_record
from integrations.ports import ChangedTicket

#: Tickets carry `lastactiondate`; that lists can be ordered by it is assumed, and checked on every page.
ORDER_FIELD = "lastactiondate"
#: HaloPSA's maximum.
PAGE_SIZE = 100
#: 20 000 tickets. Reached only where the order is not kept, or by a reconcile after a very long time.
MAX_PAGES = 200


def changed_tickets(api: HaloApi, since: datetime) -> list[ChangedTicket]:
    """Return the tickets changed after `since`, longest unchanged first. Raises the client's CallErrors.

    A ticket that changes while pages are read moves to the front and pushes others onto a later page, where
    they are met twice; none is passed over. Where the list is not in order, all of it is read.
    """
    found: dict[str, tuple[datetime, ChangedTicket]] = {}
    ordered = True
    for page in _pages(api):
        dated = [(_changed_at(ticket), ticket) for ticket in page]
        for at, ticket in dated:
            if at is not None and at > since:
                found.setdefault(str(ticket.id), (at, _changed(ticket)))
        ordered = ordered and _descends([at for at, _ in dated])
        if ordered and dated and dated[-1][0] is not None and dated[-1][0] <= since:
            break
    return [ticket for _, ticket in sorted(found.values(), key=lambda pair: pair[0])]


def _pages(api: HaloApi) -> Iterator[list[ListedTicket]]:
    for page in range(1, MAX_PAGES + 1):
        paging: dict[str, str | int] = {"pageinate": "true", "page_size": PAGE_SIZE, "page_no": page}
        value = api.read("/Tickets", {**paging, "order": ORDER_FIELD, "orderdesc": "true"})
        listed = [_listed(item) for item in items(value, "tickets")]
        yield listed
        if len(listed) < PAGE_SIZE:
            return
    raise RejectedError(
        f"more than {MAX_PAGES * PAGE_SIZE} tickets to read; HaloPSA may not order by {ORDER_FIELD}"
    )


def _listed(item: Any) -> ListedTicket:
    try:
        return read_record(ListedTicket, item)
    except PayloadError as error:
        raise UnreachableError(str(error)) from None


def _changed_at(ticket: ListedTicket) -> datetime | None:
    return moment(ticket.lastactiondate) or moment(ticket.last_update) or moment(ticket.dateoccurred)


def _changed(ticket: ListedTicket) -> ChangedTicket:
    """Both dates name the version: a change without an action moves only the second one."""
    return ChangedTicket(str(ticket.id), f"{ticket.lastactiondate or ''}|{ticket.last_update or ''}")


def _descends(moments: list[datetime | None]) -> bool:
    known = [at for at in moments if at is not None]
    return all(earlier >= later for earlier, later in pairwise(known))
