"""Walks with drafts in great number, made by SQL; saves into them; and what their table looks like."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from benchmarks.stage import TECHNICIAN, Stage
from worker.services.notes.saves import Save
from worker.services.notes.saving import save_drafts

#: About 5 KB of JSON, as an editor's document: words that repeat, with numbers that do not.
_WORDS = ("router", "cable", "restarted", "customer", "light", "ping", "gateway", "unplugged", "waits")


def document(rng: random.Random) -> list[dict[str, object]]:
    """Return notes of about 5 KB."""
    return [
        {"text": " ".join(f"{rng.choice(_WORDS)} {rng.randrange(10**6)}" for _ in range(12)), "id": place}
        for place in range(25)
    ]


@dataclass(frozen=True, slots=True)
class TableSize:
    """The drafts' table with its TOAST and indexes, in bytes, and its statistics so far."""

    size: int
    dead: int
    updates: int
    hot: int


@dataclass(slots=True)
class Drafts:
    """The drafts of one account; every save has a higher revision than the one before."""

    stage: Stage
    account_id: UUID
    sessions: Sequence[UUID]
    rng: random.Random
    revision: int = 0

    def save(self, sessions: Sequence[UUID]) -> None:
        """Save 5 KB in each of these, in one transaction, as deliveries are that came together."""
        self.revision += 1
        saves = [Save(session_id, self.revision, document(self.rng)) for session_id in sessions]
        with self.stage.context.uow.begin(self.account_id) as tx:
            done = save_drafts(tx, self.stage.context, saves)
        assert all(done), "a save was not taken"

    def any(self, number: int) -> list[UUID]:
        return self.rng.sample(list(self.sessions), number)

    def dirty(self) -> int:
        return self.stage.count("SELECT count(*) FROM note_draft WHERE first_dirty_at IS NOT NULL")

    def table(self) -> TableSize:
        """Return how large the table is now. Statistics come up to a second late."""
        query = """
            SELECT pg_total_relation_size(relid), n_dead_tup, n_tup_upd, n_tup_hot_upd
            FROM pg_stat_user_tables WHERE relname = 'note_draft'
        """
        with self.stage.database.begin() as connection:
            return TableSize(*connection.execute(text(query)).one())


def make_drafts(stage: Stage, number: int, *, seed: int) -> Drafts:
    """Make so many ad-hoc walks, each with a clean draft of 5 KB."""
    rng = random.Random(seed)  # noqa: S311 - a load that can be had again
    with stage.database.begin() as connection:
        values = {"number": number, "technician": TECHNICIAN, "connection": stage.connection_id}
        ids = connection.execute(text(_MAKE), values).scalars().all()
        account_id = connection.execute(
            text("SELECT account_id FROM connection WHERE id = :connection"),
            {"connection": stage.connection_id},
        ).scalar_one()
    drafts = Drafts(stage, account_id, list(ids), rng)
    for some in _batches(drafts.sessions):
        drafts.save(some)
    with stage.database.begin() as connection:
        connection.execute(
            text("UPDATE note_draft SET first_dirty_at = NULL, due_at = NULL, unwritten_saves = 0")
        )
    with stage.database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (FULL, ANALYZE) note_draft"))
    return drafts


def _batches(sessions: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(sessions), 100):
        yield sessions[start : start + 100]


_MAKE = """
    WITH technician AS (SELECT id, account_id FROM user_account WHERE email = :technician),
    tickets AS (
        INSERT INTO ticket (id, account_id, connection_id, kind, external_id)
        SELECT gen_random_uuid(), account_id, :connection, 'psa', gen_random_uuid()::text
        FROM technician, generate_series(1, :number) RETURNING id, account_id
    ),
    walks AS (
        INSERT INTO l1_walk_session (id, account_id, ticket_id, ticket_kind, user_id, kind)
        SELECT gen_random_uuid(), tickets.account_id, tickets.id, 'psa', technician.id, 'adhoc'
        FROM tickets, technician RETURNING id, account_id
    )
    INSERT INTO note_draft (session_id, account_id) SELECT id, account_id FROM walks RETURNING session_id
"""
