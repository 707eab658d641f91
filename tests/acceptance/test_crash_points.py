"""A process that dies at any boundary leaves nothing undone and does nothing twice."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from integrations.simulation.faults import FaultKind
from tests.acceptance.crashing import WORKER, Play, Stage, program, receiver, stage_in
from tests.acceptance.searching import searched_home
from tests.acceptance.tools import TECHNICIAN, new_ticket, wait_for
from worker.crash_points import EXIT_CODE, CrashPoint
from worker.demo.service import free_port

#: The parts of the play; those that a death does not name are played after it.
PARTS = ("webhooks", "callback", "by_hand")
#: Seconds until a process must have died.
DEATH_SECONDS = 60
STEPS = [(1, "light", "yes"), (2, "ping", "no")]


@dataclass(frozen=True)
class Death:
    """What a worker has before it when it dies, and at which time that it gets to the point."""

    parts: tuple[str, ...]
    time: int = 1
    lost_writes: int = 0


#: Where the receiver dies, and whether the sender has its answer then.
RECEIVER_DEATHS = {
    CrashPoint.RECEIVER_BEFORE_COMMIT: False,
    CrashPoint.RECEIVER_BEFORE_ANSWER: False,
    CrashPoint.RECEIVER_ANSWERED: True,
}
#: Where a worker dies over a save that somebody calls by hand, and whether the save is durable then.
SAVE_DEATHS = {CrashPoint.SAVE_BEFORE_COMMIT: False, CrashPoint.SAVE_BEFORE_ANSWER: True}
#: Where a worker dies over a command that somebody calls by hand, and whether the command is filed then.
FILING_DEATHS = {CrashPoint.FILING_BEFORE_COMMIT: False, CrashPoint.FILING_BEFORE_TURN: True}
WORKER_DEATHS = {
    CrashPoint.PUBLISHER_BETWEEN_HINTS: Death(("webhooks", "by_hand")),
    CrashPoint.SWEEP_BEFORE_HINTS: Death(PARTS),
    CrashPoint.INTERPRETATION_CLAIMED: Death(("webhooks",)),
    CrashPoint.INTERPRETATION_PSA_ASKED: Death(("callback",)),
    CrashPoint.INTERPRETATION_BEFORE_COMMIT: Death(("webhooks",)),
    CrashPoint.INTERPRETATION_BEFORE_HINTS: Death(("webhooks",)),
    CrashPoint.LANE_CLAIMED: Death(("by_hand",)),
    CrashPoint.LANE_BEFORE_COMMIT: Death(("by_hand",)),
    CrashPoint.LANE_BEFORE_HINTS: Death(("by_hand",)),
    CrashPoint.FLUSH_BEFORE_COMMIT: Death(("webhooks",)),
    CrashPoint.FLUSH_COMMITTED: Death(("webhooks",)),
    CrashPoint.PUSH_BEFORE_SENDING: Death(("by_hand",)),
    CrashPoint.PUSH_BEFORE_CALL: Death(("by_hand",)),
    CrashPoint.PUSH_BEFORE_CONFIRMATION: Death(("by_hand",)),
    CrashPoint.PUSH_BEFORE_HINTS: Death(("by_hand",)),
    # the second look, after which the note is sent again
    CrashPoint.PUSH_NOTHING_FOUND: Death(("by_hand",), time=2, lost_writes=1),
}


@pytest.fixture(scope="module")
def stage(psa, tool) -> Iterator[Stage]:
    with (
        searched_home() as home,
        stage_in(home, psa, tool) as made,
    ):
        yield made


@pytest.mark.parametrize("point", CrashPoint)
def test_a_death_at_this_point_loses_nothing_and_repeats_nothing(stage: Stage, point: CrashPoint):
    play = Play(stage)
    if point in RECEIVER_DEATHS:
        parts = kill_receiver(play, point)
    elif point in SAVE_DEATHS:
        parts = kill_saver(play, point)
    elif point in FILING_DEATHS:
        parts = kill_filer(play, point)
    else:
        parts = kill_worker(play, point, WORKER_DEATHS[point])
    play_on(play, parts)


def test_a_death_between_the_saves_and_the_commands_of_one_batch_repeats_neither(stage: Stage):
    play = Play(stage)
    play_on(play, kill_worker(play, CrashPoint.INTERPRETATION_BEFORE_COMMIT, Death(("webhooks",), time=2)))


def play_on(play: Play, parts: tuple[str, ...]) -> None:
    """Play the parts that are left, have all of it worked on, and look."""
    for part in PARTS:
        if part not in parts:
            play.play(part)
    finish(play.stage)
    assert_deliveries_were_applied_once(play)
    assert_walks_are_whole(play)
    assert_each_psa_was_told_once(play)


def kill_receiver(play: Play, point: CrashPoint) -> tuple[str, ...]:
    """Have a receiver die over the first delivery. Its sender sends it again only where no answer came."""
    # its Redis is away: no hint of its can have been sent before it dies
    away = {"TICKETWALK_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    with receiver(play.stage.home, TICKETWALK_CRASH_AT=point, **away) as (process, url):
        answer = play.send(play.stage.webhook_url("standard", url), 0)
        assert process.wait(DEATH_SECONDS) == EXIT_CODE
    assert (answer == 202) is RECEIVER_DEATHS[point], answer
    for number in range(int(answer == 202), len(play.messages())):
        assert play.send(play.stage.webhook_url("standard"), number) == 202
    return ("webhooks",)


def kill_worker(play: Play, point: CrashPoint, death: Death) -> tuple[str, ...]:
    """Have the only worker die over what was sent before it started."""
    for part in death.parts:
        play.play(part)
    if death.lost_writes:
        play.stage.psa.fault(FaultKind.RESET, method="POST", path="*/notes", times=death.lost_writes)
    with program(play.stage.home, *WORKER, TICKETWALK_CRASH_AT=f"{point}:{death.time}") as process:
        assert wait_for_end(process) == EXIT_CODE
    return death.parts


def kill_saver(play: Play, point: CrashPoint) -> tuple[str, ...]:
    """Have a worker die over a save by hand. Whoever called it has no answer, and calls again."""
    session_id = play.stage.start_walk(new_ticket())

    def save() -> None:
        arguments = {"session": session_id, "notes": [{"text": "newest"}], "revision": 1}
        call_by_hand(play, "notes.save", arguments)

    def stands() -> tuple[Any, ...]:
        [row] = play.stage.rows(
            "SELECT d.revision, d.version, w.walk_notes FROM note_draft d"
            " JOIN l1_walk_session w ON w.id = d.session_id WHERE w.id = :id",
            id=session_id,
        )
        return row

    save()
    with program(play.stage.home, *WORKER, TICKETWALK_CRASH_AT=point) as process:
        assert wait_for_end(process) == EXIT_CODE
    assert stands() == ((1, 1, []) if SAVE_DEATHS[point] else (0, 0, []))
    save()
    with program(play.stage.home, *WORKER):
        # once, however often it was called
        wait_for("the write", lambda: stands() == (1, 1, [{"text": "newest"}]), seconds=DEATH_SECONDS)
    return ()


def kill_filer(play: Play, point: CrashPoint) -> tuple[str, ...]:
    """Have a worker die over a command by hand. Whoever called it calls again, with the same key."""
    ticket = new_ticket()
    address = {"connection": str(play.stage.connections["standard"]), "ticket": ticket}
    arguments = {**address, "user": TECHNICIAN, "key": ticket}

    def filed() -> list[tuple[Any, ...]]:
        return play.stage.rows("SELECT state FROM command WHERE key = :key", key=f"hand:{ticket}")

    call_by_hand(play, "session.start_adhoc", arguments)
    with program(play.stage.home, *WORKER, TICKETWALK_CRASH_AT=point) as process:
        assert wait_for_end(process) == EXIT_CODE
    assert filed() == ([("pending",)] if FILING_DEATHS[point] else [])
    call_by_hand(play, "session.start_adhoc", arguments)
    with program(play.stage.home, *WORKER):
        wait_for("the start", lambda: filed() == [("applied",)], seconds=DEATH_SECONDS)
    return ()


def call_by_hand(play: Play, task: str, arguments: dict[str, Any]) -> None:
    call = ("celery", "-A", "worker", "call", task, "--kwargs", json.dumps(arguments))
    with program(play.stage.home, *call) as process:
        assert process.wait(DEATH_SECONDS) == 0


def wait_for_end(process: "subprocess.Popen[bytes]") -> int:
    return process.wait(DEATH_SECONDS)


def finish(stage: Stage) -> None:
    """Have a worker that lives finish the work, also what its own notes make the PSA say."""
    with program(stage.home, *WORKER):
        stage.wait_until_nothing_is_open()
        stage.psa.wait_for_deliveries()
        stage.wait_until_nothing_is_open()


def assert_deliveries_were_applied_once(play: Play) -> None:
    found = play.stage.rows(
        "SELECT d.dedupe_key, d.state, c.state, c.result ->> 'code' FROM delivery d"
        " LEFT JOIN command c ON c.delivery_id = d.id WHERE d.dedupe_key LIKE :keys ORDER BY d.id",
        keys=f"%{play.walked}%",
    )
    outcomes: list[tuple[Any, ...]] = [("applied", None)] * len(play.messages())
    outcomes[8] = outcomes[11] = ("refused", "stale")
    # straight into their draft, without a command
    outcomes[9] = outcomes[10] = (None, None)
    assert [(state, *outcome) for _, state, *outcome in found] == [("interpreted", *o) for o in outcomes]
    commands = "SELECT count(*), count(DISTINCT key) FROM command c JOIN ticket t ON t.id = c.ticket_id"
    for ticket, number in ((play.by_hand_ticket[0], 5), (play.called_back_ticket[0], 1)):
        assert play.stage.rows(f"{commands} WHERE t.external_id = :ticket", ticket=ticket) == [
            (number, number)
        ]


def assert_walks_are_whole(play: Play) -> None:
    walks = {
        play.walked: ("resolved", [{"text": "newest"}], STEPS),
        play.noted: ("active", [{"text": "newest"}], []),
        play.saved: ("active", [{"text": "newest"}], []),
        play.by_hand_ticket[0]: ("resolved", [{"text": "newest"}], STEPS),
        play.called_back_ticket[0]: ("active", [], []),
    }
    for ticket, (status, notes, steps) in walks.items():
        [(session_id, *walk)] = play.stage.rows(
            "SELECT s.id, s.status, s.walk_notes FROM l1_walk_session s JOIN ticket t ON t.id = s.ticket_id"
            " WHERE t.external_id = :ticket",
            ticket=ticket,
        )
        assert walk == [status, notes]
        recorded = "SELECT position, node_id, answer FROM walk_step WHERE session_id = :id ORDER BY 1"
        assert play.stage.rows(recorded, id=session_id) == steps
        audited = play.stage.rows("SELECT action FROM audit_log WHERE session_id = :id", id=session_id)
        assert audited == ([("session.resolved",)] if status == "resolved" else [])


def assert_each_psa_was_told_once(play: Play) -> None:
    [ticket], [other] = play.by_hand_ticket, play.called_back_ticket
    [note] = play.stage.psa.notes(ticket)
    assert "L1 walk: resolved" in note["text"]
    assert play.stage.psa.ticket(ticket)["status"]["name"] == ">Closed"
    assert play.stage.psa.notes(other) == []
    told = [m["data"]["walk"] for m in play.stage.tool.received() if "walk" in m.get("data", {})]
    [walk] = [walk for walk in told if walk["ticket_id"] == play.walked]
    assert [step["node_id"] for step in walk["walked_path"]] == ["light", "ping"]
