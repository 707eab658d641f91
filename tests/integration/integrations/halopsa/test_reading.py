"""What HaloPSA's client reads: tickets with names, notes, and what answered."""

from datetime import UTC, datetime

import pytest

from integrations.errors import RejectedError
from integrations.halopsa import HaloPsa
from integrations.halopsa.client import FIRST_ACTIONS
from integrations.halopsa.simulator import RunningSimulator
from integrations.halopsa.simulator.access import Identity
from integrations.ports import PsaTicket
from tests.integration.integrations.halopsa.calls import MINUTES, send

pytestmark = pytest.mark.integration


def test_check_says_what_answered(simulator, client):
    simulator.create_ticket()
    assert "the API agent may read tickets" in client.check()


def test_check_says_that_the_agent_sees_no_ticket(simulator, client):
    simulator.create_ticket(board="Security")
    assert "sees no ticket: make it a member of the teams" in client.check()


@pytest.mark.parametrize(
    "wrong", [{"client_secret": "wrong-secret"}, {"client_id": "other"}, {"tenant": "acme"}]
)
def test_check_with_wrong_credentials_is_rejected_in_the_providers_words(simulator, wrong):
    with pytest.raises(
        RejectedError, match=r"401.*invalid_client: The client credentials are not valid.*check client_id"
    ):
        HaloPsa().client(simulator.link(**wrong)).check()


def test_the_tenant_is_named_where_it_is_asked_for():
    with RunningSimulator(identity=Identity(tenant="acme msp")) as shared:
        assert "answered" in HaloPsa().client(shared.link()).check()
        with pytest.raises(RejectedError, match="invalid_client"):
            HaloPsa().client(shared.link(tenant="other")).check()


def test_a_ticket_is_read_with_names_instead_of_ids(simulator, client):
    ticket_id = simulator.create_ticket(
        "VPN down", board="Network", type="Incident", priority="P1", company="Globex", assigned_to="asmith"
    )
    assert client.ticket(ticket_id) == PsaTicket(
        ticket_id=ticket_id,
        summary="VPN down",
        status="New",
        closed=False,
        board="Network",
        type="Incident",
        priority="P1",
        company="Globex",
        assigned_to="18",
    )


def test_a_ticket_that_nobody_has_and_no_type_was_given_to(simulator, client):
    ticket = client.ticket(simulator.create_ticket())
    assert (ticket.type, ticket.priority, ticket.company, ticket.assigned_to) == (None, None, None, None)


def test_a_closed_ticket_is_closed(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.set_status(ticket_id, "Closed")
    ticket = client.ticket(ticket_id)
    assert (ticket.status, ticket.closed) == ("Closed", True)


def test_a_merged_ticket_names_its_survivor(simulator, client):
    ticket_id, survivor = simulator.create_ticket(), simulator.create_ticket()
    simulator.merge_ticket(ticket_id, survivor)
    assert client.ticket(ticket_id).merged_into == survivor
    assert client.ticket(survivor).merged_into is None


@pytest.mark.parametrize("ticket_id", ["999999", "abc", "", "-1", "7/notes", "\u0667", "9" * 40])
def test_a_ticket_that_is_not_there_is_none(client, ticket_id):
    assert client.ticket(ticket_id) is None


def test_a_ticket_of_a_team_that_the_agent_is_not_in_is_not_there(simulator, client):
    assert client.ticket(simulator.create_ticket(board="Security")) is None


def test_notes_come_oldest_first_with_author_and_own(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.add_note(ticket_id, "yes", member="asmith")
    simulator.add_note(ticket_id, "still broken", contact="Bob")
    send(client, ticket_id)
    found = [(note.text, note.author, note.own) for note in client.notes(ticket_id)]
    assert found == [("yes", "18", False), ("still broken", None, False), ("done [tw:1]", "20", True)]


def test_notes_carry_the_moment_they_were_written(simulator, client):
    ticket_id = simulator.create_ticket()
    simulator.add_note(ticket_id, "yes")
    [note] = client.notes(ticket_id)
    assert abs(note.created_at - datetime.now(UTC)) < MINUTES


def test_notes_after_an_id_are_the_newer_ones_only(simulator, client):
    ticket_id = simulator.create_ticket()
    first = simulator.add_note(ticket_id, "one")
    simulator.add_note(ticket_id, "two")
    assert [note.text for note in client.notes(ticket_id, after_id=first)] == ["two"]


def test_notes_of_two_tickets_have_different_ids(simulator, client):
    notes = [simulator.add_note(simulator.create_ticket(), "yes") for _ in range(2)]
    assert len(set(notes)) == 2


def test_notes_are_read_to_the_last_one_although_actions_have_no_pages(simulator, client):
    ticket_id = simulator.create_ticket()
    for number in range(FIRST_ACTIONS + 3):
        simulator.add_note(ticket_id, str(number))
    assert [note.text for note in client.notes(ticket_id)] == [str(n) for n in range(FIRST_ACTIONS + 3)]
    assert len(simulator.requests("GET", "/Actions")) == 2


def test_an_edited_note_shows_its_new_text(simulator, client):
    ticket_id = simulator.create_ticket()
    note_id = simulator.add_note(ticket_id, "yes")
    simulator.edit_note(ticket_id, note_id, "no & <never>")
    assert [note.text for note in client.notes(ticket_id)] == ["no & <never>"]
