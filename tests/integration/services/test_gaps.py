"""A gap in a sequence is not given up while what is missing has been accepted and is only behind."""

from typing import Any
from uuid import uuid4

import pytest

from integrations.ports import Event, EventKind
from worker.services.lanes import drain

pytestmark = pytest.mark.integration

STEP: dict[str, Any] = {"node_id": "link", "answer": "yes"}
LONG_AGO = "UPDATE command SET received_at = now() - interval '1 hour', next_attempt_at = now()"


def notes(world):
    return world.rows("SELECT l1_note FROM walk_step ORDER BY position")


def step(world, session, sequence):
    return world.do("step.record", session=session, sequence=sequence, note=str(sequence), **STEP)


def overtaken(world) -> str:
    """Return a walk whose step 2 has waited for step 1 for longer than a gap is waited for."""
    session = str(world.started("flow"))
    assert step(world, session, 2)["outcome"] == "waiting"
    world.rows(f"{LONG_AGO} WHERE state = 'pending'")
    return session


def file_unapplied(world, session):
    """File step 1 as a worker does that is killed before it takes the lane's turn."""
    columns = "account_id, ticket_id, connection_id, session_id"
    world.rows(
        f"INSERT INTO command ({columns}, position, key, type, payload, sequence) "  # noqa: S608 - literals
        f"SELECT {columns}, 99, 'late', type, payload || '{{\"note\": \"1\"}}', 1 FROM command "
        "WHERE session_id = :session LIMIT 1",
        session=session,
    )


def test_a_step_that_is_filed_goes_before_one_that_has_waited_for_it(world):
    session = overtaken(world)
    file_unapplied(world, session)
    drain(world.context, world.lane())
    assert notes(world) == ["1", "2"]


def test_a_step_that_has_waited_waits_on_for_an_earlier_one_that_waits_too(world):
    session = world.started("flow")
    step(world, session, 3)
    world.rows(f"{LONG_AGO} WHERE state = 'pending'")
    step(world, session, 2)
    drain(world.context, world.lane())
    assert notes(world) == []
    world.rows(f"{LONG_AGO} WHERE state = 'pending'")
    drain(world.context, world.lane())
    assert notes(world) == ["2", "3"]


@pytest.mark.parametrize("ticket", ["100", None])
def test_a_gap_is_not_given_up_while_a_delivery_is_not_interpreted(world, ticket):
    session = overtaken(world)
    event = Event(EventKind.COMMAND, dedupe_key=uuid4().hex, ticket_id=ticket)
    world.deliver(event)
    world.rows("UPDATE delivery SET received_at = now() - interval '1 hour'")
    drain(world.context, world.lane())
    assert notes(world) == []
    assert world.one("SELECT next_attempt_at > now() FROM command WHERE state = 'pending'")
    world.rows("UPDATE delivery SET state = 'interpreted'")
    world.rows(f"{LONG_AGO} WHERE state = 'pending'")
    drain(world.context, world.lane())
    assert notes(world) == ["2"]
    assert step(world, session, 1)["outcome"] == "applied"


def test_a_delivery_of_another_ticket_holds_no_gap_open(world):
    overtaken(world)
    world.deliver(Event(EventKind.COMMAND, dedupe_key=uuid4().hex, ticket_id="200"))
    world.rows("UPDATE delivery SET received_at = now() - interval '1 hour'")
    drain(world.context, world.lane())
    assert notes(world) == ["2"]


def test_a_step_that_has_waited_waits_on_for_the_start_of_its_walk(world):
    waiting = world.do("step.record", connection=world.home_tenant.psa, ticket="100", sequence=1, **STEP)
    assert waiting["outcome"] == "waiting"
    world.rows(LONG_AGO)
    world.started("flow")
    assert world.rows("SELECT state FROM command ORDER BY id") == ["applied", "applied"]
