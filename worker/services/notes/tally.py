"""What flushes have written so far and how late they were, in numbers over all accounts."""

from dataclasses import dataclass
from itertools import accumulate

from sqlalchemy import func, select

from worker.db.models import NoteTallyRow
from worker.domain.notes import LATENESS_BOUNDS_MS, LATER_MS
from worker.services.context import Context


@dataclass(frozen=True, slots=True)
class Tally:
    """Writes to walks of drafts that were due, and the saves in them.

    `within` says per bound, in milliseconds, how many were at most so late; the last bound is `LATER_MS`.
    What a closing or a person has written before it was due is not counted: nobody waited for it.
    """

    writes: int
    saves: int
    late_seconds: float
    within: dict[int, int]


def tally(context: Context) -> Tally:
    """Return the sums."""
    row = NoteTallyRow
    query = select(
        row.late_within_ms, func.sum(row.writes), func.sum(row.saves), func.sum(row.late_seconds)
    ).group_by(row.late_within_ms)
    with context.uow.across() as tx:
        lines = {bound: (int(w), int(s), float(late)) for bound, w, s, late in tx.session.execute(query)}
    bounds = (*LATENESS_BOUNDS_MS, LATER_MS)
    writes = [lines[bound][0] if bound in lines else 0 for bound in bounds]
    return Tally(
        writes=sum(writes),
        saves=sum(saves for _, saves, _ in lines.values()),
        late_seconds=sum(late for *_, late in lines.values()),
        within=dict(zip(bounds, accumulate(writes), strict=True)),
    )
