"""SIGTERM: a worker finishes what it has in hand, within a bound, and leaves the rest to others."""

from collections.abc import Iterator

import pytest

from integrations.simulation.faults import FaultKind
from tests.acceptance.crashing import OPEN, START_SECONDS, Play, Stage, program, stage_in
from tests.acceptance.searching import searched_home
from tests.acceptance.tools import wait_for

#: How long the PSA takes to answer: a call that is under way when the worker is asked to stop.
CALL_SECONDS = 3.0
#: A stop is bounded by the longest call; that of this test is far shorter.
STOP_SECONDS = 45
POOLS = {"prefork": ("-P", "prefork", "-c", "2"), "threads": ("-P", "threads", "-c", "4")}
WORKER = ("celery", "-A", "worker", "worker", "--without-gossip", "--without-mingle")


@pytest.fixture(scope="module")
def stage(psa, tool) -> Iterator[Stage]:
    with searched_home() as home, stage_in(home, psa, tool) as made:
        yield made


@pytest.mark.parametrize("pool", POOLS)
def test_a_worker_that_is_asked_to_stop_finishes_its_call_and_leaves_the_rest(stage: Stage, pool: str):
    stage.psa.fault(FaultKind.DELAY, method="POST", path="*/notes", delay_seconds=CALL_SECONDS)
    play = Play(stage)
    play.by_hand()
    [ticket] = play.by_hand_ticket
    sending = (
        "SELECT 1 FROM outbox o JOIN ticket t ON t.id = o.ticket_id"
        " WHERE t.external_id = :ticket AND o.kind = 'note' AND o.state = :state"
    )
    # or another slot of the worker would look for the note while its call is still under way
    lease = {"TICKETWALK_SENDING_LEASE_SECONDS": "30"}
    with program(stage.home, *WORKER, *POOLS[pool], **lease) as process:
        wait_for("a call", lambda: stage.rows(sending, ticket=ticket, state="sending"), seconds=START_SECONDS)
        process.terminate()
        assert process.wait(STOP_SECONDS) == 0
    assert stage.rows(sending, ticket=ticket, state="sent")
    assert len(stage.psa.notes(ticket)) == 1
    assert stage.rows(OPEN), "the ticket's new status waits for another worker"
    with program(stage.home, *WORKER, *POOLS[pool]):
        wait_for("the end of all work", lambda: not stage.rows(OPEN), seconds=START_SECONDS)
    assert len(stage.psa.notes(ticket)) == 1
