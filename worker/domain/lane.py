"""The order of one ticket's commands, and what becomes of one that fails: pure decisions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

#: Commands applied in one turn (one transaction). Bounded, so that one busy ticket starves nobody; large,
#: since 50 in one commit were measured at 25 times the rate of one per commit.
TURN_LIMIT = 50
#: The same by how often the head of the lane was claimed before: fewer each time, in the end one alone. A
#: command that kills its worker then takes nobody with it; and fifty healthy ones whose worker was killed
#: need not come through one by one, each in a claim and a turn of its own, while their ticket waits.
TURN_LIMITS = (TURN_LIMIT, 10, 3, 1)
#: Tries of a command that fails by itself before a person is asked: it holds its ticket for 15 s until then.
MAX_FAILURES = 5
#: Claims that come to nothing before a person is asked. A healthy command can be near by when a worker is
#: killed: of 1 000 kill -9 as fast as workers came back, five claims parked two healthy commands,
#: eight parked one (three in ten of those that had lost a worker lost the next one too). A command that does
#: kill its worker holds its own ticket only, for twelve leases.
MAX_LOST = 12
#: How long a command waits for the earlier sequence numbers of its session (docs/standard-webhooks.md).
SEQUENCE_WAIT = timedelta(seconds=30)
#: Wait before a command that failed transiently holds its ticket no longer; doubled per failure.
FIRST_RETRY = timedelta(seconds=1)
#: How long the commands of a turn are left to the worker that claimed them. It covers the moment between
#: claiming and locking the ticket; without it every other worker on the ticket would spend an attempt of
#: theirs in that moment, and a dozen at once would park a healthy command. A killed worker costs this much.
CLAIM_LEASE = timedelta(seconds=3)


class InSequence(Enum):
    """Where a numbered command stands relative to its session."""

    NEXT = auto()
    TOO_EARLY = auto()
    OVERDUE = auto()
    LATE = auto()


@dataclass(frozen=True, slots=True)
class Pending:
    """What the order needs to know of a pending command.

    `lost` counts its claims that came to nothing, as when a worker dies; `failures` how often it failed by
    itself.
    """

    command_id: int
    lost: int
    next_attempt_at: datetime
    failures: int = 0


def turn_of(pending: Sequence[Pending], *, now: datetime, limit: int = TURN_LIMIT) -> list[Pending]:
    """Return the commands to apply now, at most `limit` of them, from the head of the lane on.

    A command that failed and waits for its next attempt holds all behind it, and so does one that another
    worker has just claimed. One that failed by itself is taken alone; those whose worker died are taken in
    ever smaller turns, and none in the turn of one that lost fewer workers.
    """
    turn: list[Pending] = []
    for command in pending:
        if command.next_attempt_at > now or (turn and command.lost > turn[0].lost):
            break
        if command.failures > 0:
            turn = turn or [command]
            break
        turn.append(command)
    return turn[: limit_of(turn[0], limit)] if turn else []


def limit_of(head: Pending, limit: int = TURN_LIMIT) -> int:
    """Return how many commands may settle in a turn that begins with this one.

    Those included that waited for its sequence number and are not claimed with it.
    """
    if head.failures > 0:
        return 1
    return min(limit, TURN_LIMITS[min(head.lost, len(TURN_LIMITS) - 1)])


def spent(commands: Iterable[Pending]) -> list[int]:
    """Return the ids of those that lost too many workers."""
    return [command.command_id for command in commands if command.lost >= MAX_LOST]


def retry_at(*, failures: int, now: datetime) -> datetime:
    """Return when a transient failure is tried again: after 1 s, 2 s, 4 s, 8 s. `failures` includes it."""
    return now + FIRST_RETRY * (1 << max(0, failures - 1))


def place_in_sequence(
    sequence: int, *, last_sequence: int | None, received_at: datetime, now: datetime
) -> InSequence:
    """Return whether a numbered command is next. `last_sequence` is None where its walk has not started."""
    if last_sequence is not None and sequence <= last_sequence:
        return InSequence.LATE
    if last_sequence is not None and sequence == last_sequence + 1:
        return InSequence.NEXT
    return InSequence.TOO_EARLY if now < received_at + SEQUENCE_WAIT else InSequence.OVERDUE
