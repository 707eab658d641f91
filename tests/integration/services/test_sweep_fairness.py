"""However much stands in one lane, the sweep sees every other lane of the same account."""

from uuid import uuid4

import pytest

from integrations.ports import Event, EventKind
from worker.services.sweep import sweep

pytestmark = pytest.mark.integration

#: A thousand commands of one ticket and one of another, like the start of each, long due.
MANY_COMMANDS = """
    INSERT INTO command (account_id, ticket_id, connection_id, type, payload, position, key, next_attempt_at)
    SELECT c.account_id, c.ticket_id, c.connection_id, c.type, c.payload, 100 + n, t.external_id || n,
        now() - interval '1 hour'
    FROM command c JOIN ticket t ON t.id = c.ticket_id,
        generate_series(1, CASE t.external_id WHEN 'busy' THEN 1000 ELSE 1 END) n
    ORDER BY t.external_id
"""


def due(world, hours, which="TRUE"):
    world.rows(f"UPDATE delivery SET next_attempt_at = now() - interval '{hours} h' WHERE {which}")  # noqa: S608 - literals


def hinted(world, task):
    world.published.clear()
    sweep(world.context)
    return [hint.arguments["ticket"] for hint in world.published if hint.task == task]


def test_a_connection_with_a_thousand_deliveries_hides_no_ticket_of_the_psa(world):
    busy = [Event(EventKind.COMMAND, dedupe_key=uuid4().hex, ticket_id="busy") for _ in range(1_000)]
    world.deliver(*busy, connection=world.home_tenant.standard)
    world.ticket_changed("100")
    world.ticket_changed("200")
    due(world, 1)
    assert hinted(world, "delivery.interpret") == ["busy", "100", "200"]


def test_a_lane_whose_oldest_delivery_waits_is_left_alone(world):
    for _ in range(2):
        world.ticket_changed("100")
    due(world, 1)
    due(world, -1, "id = (SELECT min(id) FROM delivery)")
    assert hinted(world, "delivery.interpret") == []


def test_a_ticket_with_a_thousand_commands_hides_no_other_ticket(world):
    world.started("flow", ticket="busy")
    world.started("adhoc", ticket="quiet")
    world.rows(MANY_COMMANDS)
    assert hinted(world, "session.start_flow") == ["busy"]
    assert hinted(world, "session.start_adhoc") == ["quiet"]
