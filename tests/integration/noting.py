"""What tests of notes share: saving in every way there is, looking at the draft, stopping work at a point."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

from integrations.ports import Event, EventKind
from worker.crash_points import CrashPoint
from worker.domain.words import CommandType
from worker.services.carrying import carry_out
from worker.services.intake import NewDelivery, store

#: Seconds until whoever is held at a gate goes on by itself, and its test fails.
PATIENCE_SECONDS = 30
WAITERS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


def notes(text: str) -> list[dict[str, Any]]:
    return [{"text": text}]


def draft(world: Any, session: str, columns: str = "notes, revision, written_revision") -> Any:
    query = f"SELECT {columns} FROM note_draft WHERE session_id = :id"  # noqa: S608 - the tests' own literals
    return world.one(query, id=session)


def save(world: Any, session: str, text: str, revision: int | None = None, **more: Any) -> dict[str, Any]:
    """Save as the task does that somebody calls by hand."""
    number = {} if revision is None else {"revision": revision}
    arguments = {"session": session, "notes": notes(text), **number, **more}
    return carry_out(world.context, CommandType.SAVE_NOTES, uuid4().hex, arguments)


def deliver_all(world: Any, message_type: str, messages: Sequence[dict[str, Any]]) -> list[int]:
    """Store deliveries of the standard connection, as the receiver does. Return their ids."""
    bodies: list[dict[str, Any]] = [{"type": message_type, "data": data} for data in messages]
    stored = store(
        world.context,
        [
            NewDelivery(
                account_id=world.home_tenant.account_id,
                connection_id=UUID(world.home_tenant.standard),
                lane="",
                event=Event(
                    EventKind.COMMAND, uuid4().hex, ticket_id=body["data"].get("ticket_id"), command=body
                ),
                body=json.dumps(body).encode(),
            )
            for body in bodies
        ],
    )
    return [delivery.delivery_id for delivery in stored]


def delivers(world: Any, message_type: str, **data: Any) -> int:
    return deliver_all(world, message_type, [data])[0]


def delivers_save(world: Any, session: str, text: str, revision: int) -> int:
    return delivers(world, "notes.save", session_id=session, notes=notes(text), revision=revision)


def standard_walk(world: Any, ticket: str = "100") -> Any:
    """Start a walk of a ticket that the standard connection may speak of. Return its session."""
    return world.started(connection=world.home_tenant.standard, ticket=ticket)


def save_by_hand(world: Any, session: str, text: str, revision: int) -> None:
    assert save(world, session, text, revision)["outcome"] == "applied"


def save_by_webhook(world: Any, session: str, text: str, revision: int) -> None:
    world.interpret(delivers_save(world, session, text, revision))


def save_through_lane(world: Any, session: str, text: str, revision: int) -> None:
    """With an actor to be checked, a save is a command like the others."""
    assert save(world, session, text, revision, user="tech@acme.example")["outcome"] == "applied"


WAYS: dict[str, Callable[[Any, str, str, int], None]] = {
    "by hand": save_by_hand,
    "by webhook": save_by_webhook,
    "through the lane": save_through_lane,
}


class Gate:
    """Holds the first that comes to it until it is opened."""

    def __init__(self, point: CrashPoint | None = None) -> None:
        self.point = point
        self._reached = threading.Event()
        self._open = threading.Event()

    def reached(self, point: CrashPoint | None) -> None:
        """Stand where a process would die."""
        if point is not None and point is self.point:
            self.hold()

    def hold(self) -> None:
        if not self._reached.is_set():
            self._reached.set()
            assert self._open.wait(PATIENCE_SECONDS), "nobody opened the gate"

    def wait_until_reached(self) -> None:
        assert self._reached.wait(PATIENCE_SECONDS), "nobody came to the gate"

    def open(self) -> None:
        self._open.set()


class Task:
    """Work in a thread of its own, whose error is raised in the test."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._result: Any = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def result(self) -> Any:
        self._thread.join(PATIENCE_SECONDS)
        assert self.is_done, "a thread hangs"
        if isinstance(self._result, Exception):
            raise self._result
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._work()
        except Exception as error:  # noqa: BLE001 - raised again in the test's own thread
            self._result = error


def wait_until_it_waits(world: Any, *tasks: Task) -> None:
    """Return once each of these has ended, or waits for a row that another transaction holds."""
    world.until(lambda: world.one(WAITERS) >= sum(not task.is_done for task in tasks))


class Writes:
    """Counts the rows written of a table, whoever writes them."""

    def __init__(self, world: Any, table: str) -> None:
        self._world = world
        self._table = table

    def count(self) -> int:
        found: int = self._world.one("SELECT count(*) FROM written_rows WHERE name = :t", t=self._table)
        return found


@contextmanager
def counted_writes(world: Any, *tables: str) -> Iterator[list[Writes]]:
    world.rows("CREATE TABLE written_rows (name text)")
    world.rows(
        "CREATE FUNCTION count_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS "
        "$$ BEGIN INSERT INTO written_rows VALUES (TG_TABLE_NAME); RETURN NULL; END $$"
    )
    try:
        for table in tables:
            world.rows(
                f"CREATE TRIGGER counted AFTER UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION count_row()"
            )
        yield [Writes(world, table) for table in tables]
    finally:
        for table in tables:
            world.rows(f"DROP TRIGGER IF EXISTS counted ON {table}")
        world.rows("DROP FUNCTION count_row")
        world.rows("DROP TABLE written_rows")
