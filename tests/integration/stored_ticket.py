"""One ticket in the store, as the model test gives it commands, has workers die over it, and looks at it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from tests.integration.walk_model import Given
from worker.crash_points import CrashPoint
from worker.domain.lane import SEQUENCE_WAIT
from worker.domain.words import CommandType
from worker.services.carrying import command_by_hand
from worker.services.filing import Filed, file_request


class DeathError(BaseException):
    """The process ends here: nothing in it may catch this."""


class Trap:
    """Stands where the environment would say at which point to die."""

    def __init__(self) -> None:
        self.point: CrashPoint | None = None

    def reached(self, point: CrashPoint | None) -> None:
        if self.point is not None and point is self.point:
            self.point = None
            raise DeathError


@dataclass
class StoredTicket:
    """A ticket that no other example uses."""

    world: Any
    trap: Trap
    external_id: str = field(default_factory=lambda: f"T-{uuid4().hex}")

    def file(self, command: Given) -> Filed:
        address = {"connection": self.world.home_tenant.psa, "ticket": self.external_id}
        return file_request(
            self.world.context,
            command_by_hand(
                CommandType(command.type), {**address, **command.arguments}, default_key=command.key
            ),
        )

    def dies(self, point: CrashPoint | None, work: Callable[[], object]) -> bool:
        """Do the work, with a death at this point. Return whether it got there."""
        self.trap.point = point
        try:
            work()
        except DeathError:
            return True
        finally:
            self.trap.point = None
        return False

    def let_time_pass(self) -> None:
        """Every lease and every wait is over, but for numbers that are not overdue."""
        self.rows(
            "UPDATE command SET next_attempt_at = now() WHERE state = 'pending'"
            " AND (NOT waits_for_sequence OR received_at <= now() - :wait)"
            " AND ticket_id IN (SELECT id FROM ticket WHERE external_id = :ticket)",
            wait=SEQUENCE_WAIT,
        )
        self.rows(
            "UPDATE outbox SET next_attempt_at = now()"
            " WHERE ticket_id IN (SELECT id FROM ticket WHERE external_id = :ticket)"
        )

    def give_up_gaps(self) -> None:
        self.rows(
            "UPDATE command SET received_at = received_at - :wait WHERE state = 'pending'"
            " AND ticket_id IN (SELECT id FROM ticket WHERE external_id = :ticket)",
            wait=SEQUENCE_WAIT,
        )
        self.let_time_pass()

    def commands(self) -> list[tuple[str, str, str | None]]:
        """Return key, state and code of each, in order."""
        return self.rows(
            "SELECT key, c.state, result ->> 'code' FROM command c JOIN ticket t ON t.id = ticket_id"
            " WHERE t.external_id = :ticket ORDER BY position"
        )

    def waiting(self) -> list[str]:
        return self.rows(
            "SELECT key FROM command c JOIN ticket t ON t.id = ticket_id"
            " WHERE t.external_id = :ticket AND waits_for_sequence"
        )

    def open_entries(self) -> list[int]:
        return self.rows(
            "SELECT o.id FROM outbox o JOIN ticket t ON t.id = ticket_id"
            " WHERE t.external_id = :ticket AND o.state <> 'sent' ORDER BY o.id"
        )

    def session_id(self, key: str) -> UUID:
        """Return the id of the walk that the command of this key has started."""
        query = "SELECT CAST(result ->> 'session_id' AS uuid) FROM command WHERE key = :key"
        return self.rows(query, key=f"hand:{key}")[0]  # type: ignore[no-any-return] # a value of one column

    def notes_with(self, marker: str) -> int:
        return sum(marker in note.text for note in self.world.psa.typed.get(self.external_id, []))

    def rows(self, query: str, **values: Any) -> list[Any]:
        named = {"ticket": self.external_id} if ":ticket" in query else {}
        rows: list[Any] = self.world.rows(query, **named, **values)
        return rows
