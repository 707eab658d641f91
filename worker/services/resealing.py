"""Bring the secrets of every connection under the first key, so that older keys can go."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import undefer

from worker.db.models import ConnectionRow
from worker.errors import ConfigurationError
from worker.services import routing
from worker.services.context import Context

#: Connections per transaction: some milliseconds of work, and as few rows locked.
BATCH = 100

#: What became of one connection's secrets.
_RESEALED, _CURRENT, _UNOPENED = "resealed", "current", "unopened"


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many connections were sealed anew, how many were under the first key, and which do not open."""

    resealed: int
    current: int
    unopened: tuple[str, ...]


def reseal_all(context: Context) -> Resealed:
    """Seal every connection's secrets with the first key. What no key opens is named and left as it is.

    A batch commits whole. What is under the first key already is left alone, so a run that was interrupted is
    simply started again.
    """
    counts = {_RESEALED: 0, _CURRENT: 0}
    unopened: list[str] = []
    for account_id in routing.account_ids(context):
        for name, done in _reseal_account(context, account_id):
            if done == _UNOPENED:
                unopened.append(name)
            else:
                counts[done] += 1
    return Resealed(counts[_RESEALED], counts[_CURRENT], tuple(unopened))


def _reseal_account(context: Context, account_id: UUID) -> Iterator[tuple[str, str]]:
    after: UUID | None = None
    while True:
        with context.uow.begin(account_id) as tx:
            query = select(ConnectionRow).options(undefer(ConnectionRow.secrets))
            query = query.order_by(ConnectionRow.id).limit(BATCH)
            if after is not None:
                query = query.where(ConnectionRow.id > after)
            # locked: a change of the secrets that comes in between would be overwritten with the old ones
            rows = tx.session.scalars(query.with_for_update()).all()
            done = [(row.name, _reseal(context, row)) for row in rows]
        yield from done
        if len(rows) < BATCH:
            return
        after = rows[-1].id


def _reseal(context: Context, row: ConnectionRow) -> str:
    try:
        sealed = context.vault.resealed(row.secrets)
    except ConfigurationError:
        return _UNOPENED
    if sealed is None:
        return _CURRENT
    row.secrets = sealed
    return _RESEALED
