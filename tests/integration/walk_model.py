"""What a ticket's commands must come to, said as simply as possible: no store, no workers, no clock."""

from dataclasses import dataclass, field
from typing import Any

STARTS = {
    "session.start_flow": "flow",
    "session.start_adhoc": "adhoc",
    "session.escalate_without_walk": "adhoc",
}
CLOSINGS = {"session.resolve": "resolved", "session.escalate": "escalated", "session.abandon": "abandoned"}
ANSWERS = ("yes", "no")


class RefusedError(Exception):
    """Permanently wrong, by this code."""


@dataclass(eq=False)
class Given:
    """One command as it was given.

    `waits`: for the numbers before its own; `overdue`: for too long; `rests`: looked at again later, since
    what it waits for is in the work.
    """

    key: str
    type: str
    arguments: dict[str, Any]
    waits: bool = False
    overdue: bool = False
    rests: bool = False
    state: str = "pending"
    code: str | None = None

    @property
    def number(self) -> int | None:
        sequence: int | None = self.arguments.get("sequence")
        return sequence


@dataclass(eq=False)
class Walk:
    """One walk, known by the key of the command that started it."""

    key: str
    kind: str
    status: str = "active"
    steps: list[str] = field(default_factory=list)
    recorded: int = 0
    last_number: int = 0
    numbers: set[int] = field(default_factory=set)
    notes: list[dict[str, Any]] = field(default_factory=list)
    revision: int = 0
    written: list[dict[str, Any]] = field(default_factory=list)
    written_revision: int = 0

    def flush(self) -> None:
        self.written, self.written_revision = self.notes, self.revision


@dataclass
class Ticket:
    """The commands given for one ticket, in order, and the walks they have made."""

    given: list[Given] = field(default_factory=list)
    walks: list[Walk] = field(default_factory=list)
    _following: Given | None = None

    @property
    def settled(self) -> int:
        return sum(command.state != "pending" for command in self.given)

    def active(self) -> Walk | None:
        return next((walk for walk in self.walks if walk.status == "active"), None)

    def give_up_gaps(self) -> None:
        for command in self.given:
            command.overdue = True

    def wait(self, keys: list[str]) -> None:
        """A turn that was cut short has found that these wait, be it its last finding or not."""
        for command in self.given:
            command.waits = command.waits or f"hand:{command.key}" in keys

    def let_time_pass(self) -> None:
        for command in self.given:
            command.rests = False

    def settle_next(self) -> bool:
        """Apply or refuse the command whose turn it is. False where all that is left waits for a number."""
        while (command := self._next()) is not None:
            place = self._place(command)
            if place == "early":
                command.waits, command.rests = True, command.overdue
                continue
            self._settle(command, place)
            return True
        return False

    def settle_all(self) -> None:
        while self.settle_next():
            pass

    def save_straight(self, walk: Walk, notes: list[dict[str, Any]], revision: int) -> str | None:
        """Return how a save straight to its draft is answered; None where it is not taken there."""
        waits = any(command.state == "pending" for command in self.given)
        if waits or walk.status != "active":
            return None
        if (revision, notes) == (walk.revision, walk.notes):
            return "duplicate"
        return "applied" if revision > walk.revision else None

    def _next(self) -> Given | None:
        pending = [command for command in self.given if command.state == "pending"]
        overdue = [command for command in pending if command.waits and command.overdue and not command.rests]
        overdue.sort(key=lambda command: command.number or 0)
        in_order = [command for command in pending if not command.waits]
        return next(iter([*filter(None, [self._following]), *overdue, *in_order]), None)

    def _place(self, command: Given) -> str:
        walk = self.active()
        if command.number is None or command.type in STARTS:
            return "next"
        if walk is not None and command.number <= walk.last_number:
            return "late"
        if walk is not None and command.number == walk.last_number + 1:
            return "next"
        last = walk.last_number if walk else None
        given_up = command.overdue and not self._is_in_the_work(command, last)
        return "overdue" if given_up else "early"

    def _is_in_the_work(self, command: Given, last: int | None) -> bool:
        """What a command waits for was given too, and has not had its turn."""
        ahead = [other for other in self.given if other.state == "pending" and other is not command]
        missing = range((last or 0) + 1, command.number or 0)
        starts = last is None and any(other.type.startswith("session.start") for other in ahead)
        return starts or any(other.number in missing for other in ahead)

    def _settle(self, command: Given, place: str) -> None:
        try:
            self._check_number(command, place)
            self._apply(command)
            command.state = "applied"
        except RefusedError as refused:
            command.state, command.code = "refused", str(refused)
        self._count(command)

    def _check_number(self, command: Given, place: str) -> None:
        if place == "late" and command.number in self._walk().numbers:
            raise RefusedError("sequence_taken")

    def _count(self, command: Given) -> None:
        """A number is used up, whatever became of its command; the one that waited for it is next."""
        self._following = None
        walk = self.active()
        if walk is None or (command.number is None and command.type not in STARTS):
            return
        if command.number is not None:
            walk.last_number = max(walk.last_number, command.number)
            walk.numbers |= {command.number} if command.state == "applied" else set()
        self._following = next(
            (
                other
                for other in self.given
                if other.state == "pending" and other.waits and other.number == walk.last_number + 1
            ),
            None,
        )

    def _apply(self, command: Given) -> None:
        if command.type in STARTS:
            self._start(command)
        elif command.type in CLOSINGS:
            self._close(self._active_walk(), CLOSINGS[command.type])
        elif command.type == "notes.save":
            self._save(self._active_walk(), command)
        else:
            self._step(self._active_walk(), command)

    def _start(self, command: Given) -> None:
        if self.active() is not None:
            return
        self.walks.append(Walk(command.key, STARTS[command.type]))
        if command.type == "session.escalate_without_walk":
            self._close(self.walks[-1], "escalated")

    def _close(self, walk: Walk, status: str) -> None:
        walk.flush()
        walk.status = status

    def _save(self, walk: Walk, command: Given) -> None:
        revision = command.arguments.get("revision") or walk.revision + 1
        if revision <= walk.revision:
            raise RefusedError("stale")
        walk.notes, walk.revision = command.arguments["notes"], revision

    def _step(self, walk: Walk, command: Given) -> None:
        if walk.kind == "adhoc":
            raise RefusedError("adhoc_takes_no_steps")
        if command.type == "step.withdraw":
            if not walk.steps:
                raise RefusedError("no_step")
            walk.steps.pop()
            return
        if command.arguments["answer"] not in ANSWERS:
            raise RefusedError("unknown_answer")
        walk.steps.append(command.arguments["node_id"])
        walk.recorded += 1

    def _walk(self) -> Walk:
        if not self.walks:
            raise RefusedError("no_walk")
        return self.active() or self.walks[-1]

    def _active_walk(self) -> Walk:
        walk = self._walk()
        if walk.status != "active":
            raise RefusedError("closed")
        return walk
