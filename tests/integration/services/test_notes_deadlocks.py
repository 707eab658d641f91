"""Turns, flushes and batches of saves over the same walks at once: nobody waits in a ring."""

import random
import threading
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.integration.noting import (
    Task,
    delivers_save,
    draft,
    notes,
    save,
    standard_walk,
    wait_until_it_waits,
)
from worker.services.notes.flushing import flush_due, flush_session
from worker.services.notes.saves import Save
from worker.services.notes.saving import save_drafts

pytestmark = pytest.mark.integration

WALKS = 6
ROUNDS = 25
DEADLOCK_DETECTED = "40P01"
LOCK = text("SELECT FROM note_draft WHERE session_id = :id FOR UPDATE NOWAIT")


class Crowd:
    """Everybody who works on the same walks, each for a bounded number of rounds."""

    def __init__(self, world) -> None:
        self.world = world
        self.account_id = world.home_tenant.account_id
        self.sessions = [standard_walk(world, str(ticket)) for ticket in range(WALKS)]
        self.states: list[str | None] = []
        self.acknowledged = dict.fromkeys(self.sessions, 0)
        self._lock = threading.Lock()
        self._revision = 0

    def revision(self) -> int:
        with self._lock:
            self._revision += 1
            return self._revision

    def tries(self, work) -> None:
        for _ in range(ROUNDS):
            try:
                work()
            except DBAPIError as error:
                self.states.append(getattr(error.orig, "sqlstate", None))

    def saves_many(self) -> None:
        """All of them in one transaction, in any order."""
        chosen = random.sample(self.sessions, WALKS)
        saves = [Save(session, self.revision(), notes("batch")) for session in chosen]
        with self.world.context.uow.begin(self.account_id) as tx:
            saved = save_drafts(tx, self.world.context, saves)
        for save_, result in zip(saves, saved, strict=True):
            if result is not None:
                self._acknowledge(save_.session_id, save_.revision)

    def delivers(self) -> None:
        ids = [delivers_save(self.world, session, "w", self.revision()) for session in self.sessions]
        self.world.interpret(ids[0])

    def takes_turns(self) -> None:
        """A save that goes through its lane."""
        session = self._any()
        revision = self.revision()
        result = save(self.world, session, "turn", revision, user="tech@acme.example")
        if result["outcome"] == "applied":
            self._acknowledge(session, revision)

    def flushes_an_account(self) -> None:
        self.world.rows(
            "UPDATE note_draft SET due_at = now() WHERE due_at > now() AND session_id IN ("
            "SELECT session_id FROM note_draft ORDER BY session_id FOR UPDATE)"
        )
        flush_due(self.world.context, account_id=self.account_id)

    def flushes_one(self) -> None:
        flush_session(self.world.context, session_id=self._any())

    def _any(self):
        return random.sample(self.sessions, 1)[0]

    def _acknowledge(self, session, revision) -> None:
        with self._lock:
            self.acknowledged[session] = max(self.acknowledged[session], revision)


def test_nobody_waits_in_a_ring_and_nothing_acknowledged_is_lost(world):
    crowd = Crowd(world)
    parts = [
        crowd.saves_many,
        crowd.saves_many,
        crowd.delivers,
        crowd.takes_turns,
        crowd.takes_turns,
        crowd.flushes_an_account,
        crowd.flushes_one,
    ]
    world.at_once(*[partial(crowd.tries, part) for part in parts])
    assert DEADLOCK_DETECTED not in crowd.states
    assert crowd.states == []
    for ticket in range(WALKS):
        world.apply(str(ticket))
    for session in crowd.sessions:
        flush_session(world.context, session_id=session)
        revision, written, unwritten = draft(world, session, "revision, written_revision, unwritten_saves")
        assert revision == written >= crowd.acknowledged[session]
        assert unwritten == 0


@pytest.mark.parametrize("work", ["saves", "flush"])
def test_several_drafts_are_taken_in_the_order_of_their_ids(world, work):
    """Who waits for the first of them holds none of the others."""
    sessions = sorted(standard_walk(world, str(ticket)) for ticket in range(4))
    account_id = world.home_tenant.account_id

    def saves() -> None:
        with world.context.uow.begin(account_id) as tx:
            save_drafts(tx, world.context, [Save(session, 2, notes("two")) for session in reversed(sessions)])

    for session in reversed(sessions):
        save(world, session, "one", 1)
    world.rows("UPDATE note_draft SET due_at = now()")
    with world.owner.connect() as holder, holder.begin():
        holder.execute(LOCK, {"id": sessions[0]})
        task = Task(saves if work == "saves" else partial(flush_due, world.context, account_id=account_id))
        wait_until_it_waits(world, task)
        assert not task.is_done
        with world.owner.connect() as other, other.begin():
            for session in sessions[1:]:
                other.execute(LOCK, {"id": session})
    task.result()
