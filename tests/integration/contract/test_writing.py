"""What every client writes: once, marked, found again; and how it says that it does not know."""

from datetime import timedelta

import pytest

from integrations.errors import AmbiguousError, RejectedError, ThrottledError
from integrations.ports import NotePurpose
from tests.integration.contract.conftest import MARKER, TIMEKEEPERS, WITHOUT_TIME, note, time_entry

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("purpose", list(NotePurpose))
def test_a_note_is_written_and_found_by_its_marker(psa, purpose):
    ticket_id = psa.stand_in.create_ticket()
    push = note(ticket_id, purpose=purpose)
    note_id = psa.client.send_note(push, psa.client.prepare_note(push))
    assert psa.stand_in.note_texts(ticket_id) == [f"done {MARKER}"]
    assert list(psa.client.find_note(ticket_id, MARKER)) == [note_id]
    assert list(psa.client.find_note(ticket_id, "[tw:00000000]")) == []


def test_marked_notes_are_found_oldest_first(psa):
    ticket_id = psa.stand_in.create_ticket()
    body = psa.client.prepare_note(note(ticket_id))
    marked = [psa.client.send_note(note(ticket_id), body) for _ in range(2)]
    psa.stand_in.add_note(ticket_id, "yes")
    assert list(psa.client.find_note(ticket_id, MARKER)) == marked


def test_equal_pushes_have_equal_bytes(psa):
    ticket_id = psa.stand_in.create_ticket()
    assert psa.client.prepare_note(note(ticket_id)) == psa.client.prepare_note(note(ticket_id))


@pytest.mark.parametrize("psa", TIMEKEEPERS, indirect=True)
def test_equal_time_entries_have_equal_bytes(psa):
    entry = time_entry(psa, psa.stand_in.create_ticket())
    assert psa.client.prepare_time(entry) == psa.client.prepare_time(entry)


def test_a_note_of_the_limits_length_is_taken_and_a_longer_one_refused(psa):
    ticket_id = psa.stand_in.create_ticket()
    fits = note(ticket_id, "x" * psa.provider.note_limit)
    psa.client.send_note(fits, psa.client.prepare_note(fits))
    longer = note(ticket_id, "x" * (psa.provider.note_limit + 1))
    with pytest.raises(RejectedError):
        psa.client.send_note(longer, psa.client.prepare_note(longer))
    assert [len(text) for text in psa.stand_in.note_texts(ticket_id)] == [psa.provider.note_limit]


@pytest.mark.parametrize(
    "text", ["first line\nsecond line", "5 < 6 & 7 > 3", 'a "quoted" <b>word</b>', "café ü 日本 ✅"]
)
def test_a_note_is_read_back_as_it_was_written(psa, text):
    ticket_id = psa.stand_in.create_ticket()
    push = note(ticket_id, f"{text}\n{MARKER}")
    psa.client.send_note(push, psa.client.prepare_note(push))
    assert [found.text for found in psa.client.notes(ticket_id)] == [f"{text}\n{MARKER}"]


def test_a_note_for_a_ticket_that_is_not_there_is_refused(psa):
    ticket_id = psa.stand_in.create_ticket()
    body = psa.client.prepare_note(note(ticket_id))
    psa.stand_in.delete_ticket(ticket_id)
    with pytest.raises(RejectedError):
        psa.client.send_note(note(ticket_id), body)


def test_a_note_whose_answer_is_lost_is_ambiguous_and_is_there(psa):
    ticket_id = psa.stand_in.create_ticket()
    body = psa.client.prepare_note(note(ticket_id))
    psa.client.check()  # whatever a client fetches first is there
    psa.stand_in.fault("lost_answer", method=psa.dialect.note_method)
    with pytest.raises(AmbiguousError):
        psa.client.send_note(note(ticket_id), body)
    assert psa.stand_in.note_texts(ticket_id) == [f"done {MARKER}"]
    assert len(psa.client.find_note(ticket_id, MARKER)) == 1


def test_a_note_that_was_lost_on_its_way_is_ambiguous_and_is_not_there(psa):
    ticket_id = psa.stand_in.create_ticket()
    body = psa.client.prepare_note(note(ticket_id))
    psa.client.check()  # whatever a client fetches first is there
    psa.stand_in.fault("reset", method=psa.dialect.note_method)
    with pytest.raises(AmbiguousError):
        psa.client.send_note(note(ticket_id), body)
    assert psa.stand_in.note_texts(ticket_id) == []


def test_a_note_beyond_the_limit_of_calls_is_not_written(psa):
    ticket_id = psa.stand_in.create_ticket()
    body = psa.client.prepare_note(note(ticket_id))
    psa.stand_in.limit_calls(0)
    with pytest.raises(ThrottledError) as throttled:
        psa.client.send_note(note(ticket_id), body)
    assert throttled.value.retry_after <= timedelta(seconds=60)
    assert psa.stand_in.note_texts(ticket_id) == []


def test_the_status_is_set_by_name_and_stays_where_it_is_set_again(psa):
    ticket_id = psa.stand_in.create_ticket()
    for _ in range(2):
        psa.client.set_status(ticket_id, psa.dialect.statuses[1])
        assert psa.stand_in.status_of(ticket_id) == psa.dialect.statuses[1]


def test_a_status_that_the_psa_does_not_have_is_refused(psa):
    ticket_id = psa.stand_in.create_ticket()
    before = psa.stand_in.status_of(ticket_id)
    with pytest.raises(RejectedError):
        psa.client.set_status(ticket_id, "No Such Status")
    assert psa.stand_in.status_of(ticket_id) == before


@pytest.mark.parametrize("psa", TIMEKEEPERS, indirect=True)
def test_a_time_entry_is_written_once_and_found_by_its_marker(psa):
    ticket_id = psa.stand_in.create_ticket()
    push = time_entry(psa, ticket_id)
    entry_id = psa.client.send_time(push, psa.client.prepare_time(push))
    assert len(psa.stand_in.time_entries(ticket_id)) == 1
    assert list(psa.client.find_time(ticket_id, MARKER)) == [entry_id]
    assert list(psa.client.find_time(ticket_id, "[tw:00000000]")) == []
    assert MARKER not in "".join(psa.stand_in.note_texts(ticket_id))


@pytest.mark.parametrize("psa", TIMEKEEPERS, indirect=True)
def test_a_time_entry_whose_answer_is_lost_is_ambiguous_and_is_there(psa):
    ticket_id = psa.stand_in.create_ticket()
    push = time_entry(psa, ticket_id)
    body = psa.client.prepare_time(push)
    psa.client.check()
    psa.stand_in.fault("lost_answer", method="POST")
    with pytest.raises(AmbiguousError):
        psa.client.send_time(push, body)
    assert len(psa.client.find_time(ticket_id, MARKER)) == 1


@pytest.mark.parametrize("psa", WITHOUT_TIME, indirect=True)
def test_a_psa_without_time_entries_refuses_them_for_good_and_is_asked_nothing(psa):
    ticket_id = psa.stand_in.create_ticket()
    entry = time_entry(psa, ticket_id)
    with pytest.raises(RejectedError):
        psa.client.prepare_time(entry)
    with pytest.raises(RejectedError):
        psa.client.send_time(entry, b"{}")
    assert list(psa.client.find_time(ticket_id, MARKER)) == []
    assert (psa.stand_in.requests(), psa.stand_in.time_entries(ticket_id)) == ([], [])


def test_registering_twice_leaves_one_registration_per_event(psa):
    assert psa.client.registration(psa.url).problems
    first = psa.client.register(psa.url)
    assert psa.client.register(psa.url) == first == psa.client.registration(psa.url)
    assert (bool(first.ids), first.problems) == (True, ())
    psa.stand_in.create_ticket()
    bodies = [request.body for request in psa.delivered()]
    assert bodies
    assert len(set(bodies)) == len(bodies)


def test_how_many_deliveries_a_change_makes_stays_after_registering_again(psa):
    psa.client.register(psa.url)
    psa.stand_in.create_ticket()
    once = len(psa.delivered())
    psa.client.register(psa.url)
    psa.stand_in.create_ticket()
    assert len(psa.delivered()) == 2 * once


def test_no_problem_names_a_secret(psa):
    found = "".join(psa.client.registration(psa.url).problems)
    for secret in (*psa.link.webhook_secrets, *psa.link.credentials.values()):
        assert len(secret) < 8 or secret not in found
