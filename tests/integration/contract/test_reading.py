"""What every client reads: tickets, notes, changes; within bounds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integrations.errors import RejectedError, ThrottledError, UnreachableError
from integrations.simulation.stand_in import DeletesNotes
from tests.integration.contract.conftest import MARKER, Psa, note

pytestmark = pytest.mark.integration


def long_ago() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


def test_the_link_is_accepted_and_the_check_says_what_answered(psa):
    psa.provider.check_link(psa.link)
    assert psa.client.check()


def test_wrong_credentials_are_refused_for_good(psa):
    wrong = dict.fromkeys(psa.provider.credential_names, "wrong")
    psa.link = replace(psa.link, credentials={**psa.link.credentials, **wrong})
    with pytest.raises(RejectedError):
        psa.client.check()


def test_a_ticket_is_read_as_it_is_now(psa):
    ticket_id = psa.stand_in.create_ticket("VPN down")
    psa.stand_in.set_status(ticket_id, psa.dialect.statuses[0])
    found = psa.client.ticket(ticket_id)
    assert (found.ticket_id, found.summary, found.status) == (ticket_id, "VPN down", psa.dialect.statuses[0])
    assert (found.closed, found.merged_into) == (False, None)


@pytest.mark.parametrize("ticket_id", ["999999999", "abc", "", "-1", "1/notes", "\u0667", "9" * 40])
def test_a_ticket_that_is_not_there_is_none(psa, ticket_id):
    assert psa.client.ticket(ticket_id) is None


def test_a_deleted_ticket_is_none(psa):
    ticket_id = psa.stand_in.create_ticket()
    psa.stand_in.delete_ticket(ticket_id)
    assert psa.client.ticket(ticket_id) is None


def test_a_merged_ticket_is_closed_or_names_the_one_that_took_its_place(psa):
    ticket_id, other = psa.stand_in.create_ticket(), psa.stand_in.create_ticket()
    psa.stand_in.merge_ticket(ticket_id, into=other)
    found = psa.client.ticket(ticket_id)
    assert found is None or found.closed or found.merged_into == other
    assert psa.client.ticket(other).merged_into is None


def test_notes_come_oldest_first_with_author_and_own(psa):
    ticket_id = psa.stand_in.create_ticket()
    psa.stand_in.add_note(ticket_id, "yes", member=psa.dialect.member)
    psa.stand_in.add_note(ticket_id, "still broken", contact="Bob")
    psa.client.send_note(note(ticket_id), psa.client.prepare_note(note(ticket_id)))
    found = psa.client.notes(ticket_id)
    assert [n.text for n in found] == ["yes", "still broken", f"done {MARKER}"]
    assert [n.own for n in found] == [False, False, True]
    assert [n.author for n in found[:2]] == [psa.dialect.member, None]


def test_notes_after_an_id_are_the_newer_ones_only(psa):
    ticket_id = psa.stand_in.create_ticket()
    first = psa.stand_in.add_note(ticket_id, "one")
    psa.stand_in.add_note(ticket_id, "two")
    assert [n.text for n in psa.client.notes(ticket_id, after_id=first)] == ["two"]
    assert psa.client.notes(ticket_id)[0].note_id == first


def test_an_edited_note_has_its_id_and_its_new_text(psa):
    ticket_id = psa.stand_in.create_ticket()
    note_id = psa.stand_in.add_note(ticket_id, "yse")
    psa.stand_in.edit_note(ticket_id, note_id, "yes")
    assert [(n.note_id, n.text) for n in psa.client.notes(ticket_id)] == [(note_id, "yes")]


def test_a_deleted_note_is_not_listed(psa):
    people = psa.stand_in
    if not isinstance(people, DeletesNotes):
        pytest.skip("nobody can delete a note there")
    ticket_id = psa.stand_in.create_ticket()
    first = psa.stand_in.add_note(ticket_id, "wrong ticket")
    psa.stand_in.add_note(ticket_id, "yes")
    people.delete_note(ticket_id, first)
    psa.stand_in.add_note(ticket_id, "no")
    assert [n.text for n in psa.client.notes(ticket_id)] == ["yes", "no"]


def test_notes_are_read_to_the_last_page_and_never_all_in_one(psa):
    most = psa.dialect.notes_in_one_answer
    ticket_id = psa.stand_in.create_ticket()
    texts = [str(number) for number in range((most or 100) + 1)]
    for text in texts:
        psa.stand_in.add_note(ticket_id, text)
    psa.client.check()
    before = len(psa.stand_in.requests())
    assert [n.text for n in psa.client.notes(ticket_id)] == texts
    assert len(psa.stand_in.requests()) - before >= (2 if most else 1)


def test_changed_tickets_are_listed_once_with_a_version(psa):
    tickets = [psa.stand_in.create_ticket() for _ in range(3)]
    listed = [ticket.ticket_id for ticket in psa.client.changed_since(long_ago())]
    assert sorted(listed) == sorted(tickets)
    assert psa.changed(datetime.now(UTC) + timedelta(hours=1)) == {}


def test_a_ticket_shows_the_version_that_is_listed_for_it_or_none(psa):
    """With another one a reconcile would file each change again, or miss one."""
    ticket_id = psa.stand_in.create_ticket()
    psa.stand_in.add_note(ticket_id, "rebooted")
    assert psa.client.ticket(ticket_id).version in {None, psa.changed(long_ago())[ticket_id].version}


@pytest.mark.parametrize("change", ["note", "status"])
def test_a_change_is_listed_with_another_version(psa, change, until):
    ticket_id = psa.stand_in.create_ticket()
    before = psa.changed(long_ago())[ticket_id].version
    assert psa.changed(long_ago())[ticket_id].version == before

    def differs() -> bool:
        if change == "note":
            psa.stand_in.add_note(ticket_id, "yes")
        else:
            psa.stand_in.set_status(ticket_id, psa.dialect.statuses[0])
            psa.stand_in.set_status(ticket_id, psa.dialect.statuses[1])
        return bool(psa.changed(long_ago())[ticket_id].version != before)

    until(differs)


def test_a_lost_webhook_is_made_up_for_by_the_list_of_changes(psa):
    psa.stand_in.set_webhooks(on=False)
    ticket_id = psa.stand_in.create_ticket()
    assert ticket_id in psa.changed(long_ago())


def test_a_read_that_keeps_losing_its_connection_is_unreachable(psa):
    ticket_id = psa.stand_in.create_ticket()
    psa.stand_in.fault("reset", times=10)
    with pytest.raises(UnreachableError):
        psa.client.ticket(ticket_id)


def test_too_many_calls_are_told_how_long_to_wait(psa):
    psa.stand_in.limit_calls(0)
    with pytest.raises(ThrottledError) as throttled:
        psa.client.ticket("1")
    assert timedelta(0) < throttled.value.retry_after <= timedelta(seconds=60)
    psa.stand_in.limit_calls(None)
    assert psa.client.check()


def test_the_pace_is_asked_before_anything_is_sent(psa: Psa):
    full = ThrottledError("the share of this hour is used up", retry_after=timedelta(seconds=90))

    def refuse() -> None:
        raise full

    psa.link = replace(psa.link, pace=refuse)
    with pytest.raises(ThrottledError) as throttled:
        psa.client.check()
    assert throttled.value is full
    assert psa.stand_in.requests() == []


def test_each_request_asks_for_its_place(psa: Psa):
    ticket_id = psa.stand_in.create_ticket()
    asked: list[int] = []
    psa.link = replace(psa.link, pace=lambda: asked.append(1))
    psa.client.ticket(ticket_id)
    psa.client.notes(ticket_id)
    assert len(asked) == len(psa.stand_in.requests()) > 0
