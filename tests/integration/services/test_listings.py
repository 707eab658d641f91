"""Listings over all accounts, and what the doctor says of the walls between them."""

import pytest

from worker.db.models import TENANT_TABLES
from worker.domain.words import CommandState, SessionStatus
from worker.errors import TicketwalkError
from worker.services import doctor, listings

pytestmark = pytest.mark.integration


@pytest.fixture
def tickets(world) -> list[str]:
    """Walks of two accounts by turns, each on a ticket of its own. Returns the tickets, newest first."""
    tenants = [world.home_tenant, world.tenant("Rival")] * 2
    for number, tenant in enumerate(tenants):
        user = str(tenant.users["tech"])
        world.do("session.start_adhoc", connection=tenant.psa, ticket=f"T{number}", user=user)
    return [f"T{number}" for number in reversed(range(len(tenants)))]


def test_the_newest_of_all_accounts_come_first_and_no_more_than_asked_for(world, tickets):
    walks = listings.walks(world.context, limit=3)
    commands = listings.commands(world.context, state=None, limit=3)
    assert [walk["ticket_id"] for walk in walks] == tickets[:3]
    assert [command["ticket"] for command in commands] == tickets[:3]


def test_a_state_is_looked_for_in_every_account(world, tickets):
    for ticket in tickets[:2]:
        session = world.one(
            "SELECT s.id FROM l1_walk_session s JOIN ticket t ON t.id = s.ticket_id WHERE external_id = :id",
            id=ticket,
        )
        world.do("session.resolve", session=str(session))
    resolved = listings.walks(world.context, status=SessionStatus.RESOLVED, limit=9)
    assert [walk["ticket_id"] for walk in resolved] == tickets[:2]
    assert listings.commands(world.context, state=CommandState.PARKED, limit=9) == []
    assert [entry["kind"] for entry in listings.outbox(world.context, state=None, limit=9)] == ["note"] * 2


def test_a_listing_of_deliveries_says_what_came_and_never_the_body(world):
    delivery_id = world.ticket_changed("7")
    (line,) = listings.deliveries(world.context, state=None, limit=9)
    assert (line["id"], line["ticket"], line["state"]) == (delivery_id, "7", "pending")
    assert "body" not in line


def test_the_doctor_names_a_table_whose_wall_is_down(world):
    assert doctor._tenants(world.context) == (
        f"row-level security is in force on {len(TENANT_TABLES)} tables"
    )
    world.rows("ALTER TABLE walk_step NO FORCE ROW LEVEL SECURITY")
    try:
        with pytest.raises(TicketwalkError, match="not in force on walk_step"):
            doctor._tenants(world.context)
    finally:
        world.rows("ALTER TABLE walk_step FORCE ROW LEVEL SECURITY")
