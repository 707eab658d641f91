"""Deliveries whose worker was killed come through quickly again; one that kills its worker ends up alone."""

import json
from uuid import uuid4

import pytest

from integrations.ports import Event, EventKind

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(("attempts", "taken"), [(0, 100), (1, 20), (2, 5), (3, 1), (10, 1)])
def test_each_lost_attempt_makes_the_next_turn_smaller(world, attempts, taken):
    body = json.dumps(
        {"type": "step.record", "data": {"ticket_id": "100", "node_id": "link", "answer": "yes"}}
    )
    events = [Event(EventKind.COMMAND, dedupe_key=uuid4().hex, ticket_id="100") for _ in range(120)]
    stored = world.deliver(*events, connection=world.home_tenant.standard, body=body.encode())
    world.rows("UPDATE delivery SET attempts = :attempts", attempts=attempts)
    assert world.interpret(stored[0].delivery_id).deliveries == taken
    assert world.rows("SELECT id FROM delivery WHERE state = 'interpreted' ORDER BY id") == [
        delivery.delivery_id for delivery in stored[:taken]
    ]
