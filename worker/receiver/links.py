"""The connections that webhook URLs name, opened once and remembered for a few seconds."""

import time
from dataclasses import dataclass, field
from uuid import UUID

from integrations.ports import Link, Provider
from worker.services.accounts import open_link
from worker.services.context import Context
from worker.services.intake import connection_by_id

#: How long a changed secret may go unnoticed, in seconds; in return a burst costs one look-up.
REMEMBERED_SECONDS = 5.0
#: More connections than this are not remembered; the look-up is one primary-key read.
REMEMBERED_CONNECTIONS = 10_000
#: Characters of a connection's id in a URL.
UUID_LENGTH = 36


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """A connection ready to verify with."""

    account_id: UUID
    provider: Provider
    link: Link = field(repr=False)


def appended(connection_id: str, rest: str) -> str:
    """Return what stood in the path after the id: ConnectWise writes there with nothing between."""
    return "/".join(filter(None, (connection_id[UUID_LENGTH:], rest)))


class Links:
    """Finds connections for the receiver."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[UUID, tuple[float, OpenConnection]] = {}

    def find(self, provider: str, connection_id: str) -> OpenConnection | None:
        """Return the connection of this provider and id, or None. What follows the id in it is ignored."""
        try:
            key = UUID(connection_id[:UUID_LENGTH])
        except ValueError:
            return None
        known = self._known.get(key)
        if known is None or known[0] < time.monotonic():
            opened = self._open(key)
            if opened is None:
                return None
            if len(self._known) >= REMEMBERED_CONNECTIONS:
                self._known.clear()
            known = self._known[key] = (time.monotonic() + REMEMBERED_SECONDS, opened)
        return known[1] if known[1].provider.name == provider else None

    def _open(self, key: UUID) -> OpenConnection | None:
        row = connection_by_id(self._context, key)
        if row is None:
            return None
        return OpenConnection(
            row.account_id, self._context.providers[row.provider], open_link(self._context, row)
        )
