"""HaloPSA's records, and the bodies written to it."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from integrations.errors import PayloadError, RejectedError
from integrations.halopsa import mapping
from integrations.halopsa.records import Action, ListedTicket, Ticket, Webhook, moment, read_record
from integrations.ports import NotePurpose, NotePush, TimePush

BARE = {"id": 10233, "status_id": 1}
STARTED = datetime(2026, 8, 11, 9, 0, tzinfo=UTC)


def ticket(**fields: Any):
    return mapping.to_ticket(read_record(Ticket, {**BARE, **fields}), status="New", ticket_type=None)


def note(**fields: Any):
    action = read_record(Action, {"id": 7, **fields})
    return mapping.to_note(action, ticket_id="10233", agent_id="20", application="ticketwalk")


def push(purpose: NotePurpose = NotePurpose.INTERNAL, text: str = "done [tw:1]") -> NotePush:
    return NotePush("entry-1", "10233", purpose, text, {})


def body(purpose: NotePurpose = NotePurpose.INTERNAL, text: str = "done [tw:1]"):
    [action] = json.loads(mapping.note_body(push(purpose, text), outcome_id=7))
    return action


def time(ended: datetime, text: str = "worked [tw:2]"):
    entry = TimePush("entry-1", "10233", "17", STARTED, ended, text)
    [action] = json.loads(mapping.time_body(entry, agent_name="Jane Doe", outcome_id=7))
    return action


@pytest.mark.parametrize(
    ("fields", "closed"),
    [
        ({}, False),
        ({"hasbeenclosed": False}, False),
        ({"hasbeenclosed": None}, False),
        ({"hasbeenclosed": True}, True),
        ({"status_id": 9}, True),
    ],
)
def test_a_ticket_is_closed_by_its_flag_or_its_status(fields, closed):
    assert ticket(**fields).closed is closed


@pytest.mark.parametrize(
    ("agent_id", "assigned_to"), [(17, "17"), ("17", "17"), (1, None), (0, None), (None, None)]
)
def test_a_ticket_of_the_agent_unassigned_is_nobodys(agent_id, assigned_to):
    assert ticket(agent_id=agent_id).assigned_to == assigned_to


@pytest.mark.parametrize(
    ("fields", "survivor"),
    [
        ({}, None),
        ({"merged_into_id": 0}, None),
        ({"merged_into_id": -1}, None),
        ({"merged_into_id": 10200}, "10200"),
        ({"fmergedintofaultid": 10200}, "10200"),
    ],
)
def test_a_merged_ticket_names_its_survivor(fields, survivor):
    assert ticket(**fields).merged_into == survivor


@pytest.mark.parametrize(
    ("fields", "priority"),
    [({"priority": {"name": "P1"}}, "P1"), ({"priority_name": "P2"}, "P2"), ({"priority": None}, None)],
)
def test_the_priority_is_read_where_it_stands(fields, priority):
    assert ticket(**fields).priority == priority


def test_a_ticket_without_its_status_does_not_fit():
    with pytest.raises(PayloadError, match="HaloPSA's ticket does not fit: status_id"):
        read_record(Ticket, {"id": 7, "summary": "secret text"})


@pytest.mark.parametrize(
    ("fields", "author", "own"),
    [
        ({"who_agentid": 17, "who_type": 1}, "17", False),
        ({"who_agentid": 17, "who_type": 0}, "17", False),
        ({"who_agentid": 0, "who_type": 0}, None, False),
        ({"who_agentid": None, "who_type": 1}, None, False),
        ({"who_agentid": 20}, "20", True),
        ({"who_agentid": 17, "actionby_application_id": "ticketwalk"}, "17", True),
        ({"who_agentid": 17, "actionby_application_id": "Huntress"}, "17", False),
    ],
)
def test_who_wrote_a_note_is_told_by_its_agent_and_application(fields, author, own):
    found = note(**fields)
    assert (found.author, found.own) == (author, own)


def test_nothing_is_own_where_neither_agent_nor_application_is_known():
    action = read_record(Action, {"id": 7, "who_agentid": 20})
    found = mapping.to_note(action, ticket_id="10233", agent_id=None, application=None)
    assert not found.own


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"note": "plain", "note_html": "<p>html</p>"}, "plain"),
        ({"note": "", "note_html": "<p>a &amp; b</p>"}, "a & b"),
        ({"note": None}, ""),
    ],
)
def test_a_notes_text_is_the_plain_one_or_what_the_html_says(fields, text):
    assert note(**fields).text == text


def test_a_notes_id_names_its_ticket_too_as_numbers_repeat_between_tickets():
    assert note().note_id == "10233-7"
    assert mapping.action_id("10233-7") == 7
    assert mapping.action_id("7") == 7


@pytest.mark.parametrize("cursor", ["", "10233-", "x", "10233-x", "\u0667"])
def test_a_cursor_that_is_no_notes_id_is_refused(cursor):
    with pytest.raises(RejectedError):
        mapping.action_id(cursor)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-08-11T09:20:14.52", datetime(2026, 8, 11, 9, 20, 14, 520000, tzinfo=UTC)),
        ("2026-08-11T09:20:14.5233333", datetime(2026, 8, 11, 9, 20, 14, 523333, tzinfo=UTC)),
        ("2026-08-11T09:20:14Z", datetime(2026, 8, 11, 9, 20, 14, tzinfo=UTC)),
        ("2026-08-11T11:20:14+02:00", datetime(2026, 8, 11, 9, 20, 14, tzinfo=UTC)),
        ("1899-12-30T00:00:00", None),
        ("0001-01-01T00:00:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_a_date_without_a_zone_is_utc_and_no_date_is_none(text, expected):
    assert moment(text) == expected


@pytest.mark.parametrize("purpose", [NotePurpose.RESOLUTION, NotePurpose.HANDOFF, NotePurpose.INTERNAL])
def test_a_note_is_hidden_from_the_customer_and_mails_nobody(purpose):
    written = body(purpose)
    assert written["hiddenfromuser"] is True
    assert written["sendemail"] is False
    assert written["dont_do_rules"] is True


def test_only_a_note_for_the_customer_is_shown_to_them_and_mails_nobody_either():
    written = body(NotePurpose.CUSTOMER)
    assert written["hiddenfromuser"] is False
    assert written["sendemail"] is False


def test_a_notes_body_is_an_array_with_halos_own_names():
    assert body() == {
        "ticket_id": 10233,
        "outcome_id": 7,
        "note_html": "<p>done [tw:1]</p>",
        "hiddenfromuser": True,
        "sendemail": False,
        "dont_do_rules": True,
    }


def test_equal_pushes_have_equal_bodies():
    assert mapping.note_body(push(), outcome_id=7) == mapping.note_body(push(), outcome_id=7)


def test_a_note_over_the_limit_is_refused():
    assert body(text="x" * mapping.NOTE_LIMIT)
    with pytest.raises(RejectedError, match="10001 characters"):
        body(text="x" * (mapping.NOTE_LIMIT + 1))


def test_a_time_entry_says_hours_and_both_ends_in_utc_and_whose_it_is():
    east = timezone(timedelta(hours=2))
    entry = time(datetime(2026, 8, 11, 11, 45, tzinfo=east))
    assert entry["timetaken"] == 0.75
    assert entry["actionarrivaldate"] == "2026-08-11T09:00:00.000Z"
    assert entry["actioncompletiondate"] == "2026-08-11T09:45:00.000Z"
    assert (entry["who"], entry["who_agentid"]) == ("Jane Doe", 17)
    assert (entry["hiddenfromuser"], entry["sendemail"]) == (True, False)


def test_a_time_entry_that_ends_before_it_starts_is_refused():
    with pytest.raises(RejectedError, match="ends before it starts"):
        time(STARTED - timedelta(seconds=1))


def test_a_status_changes_nothing_but_itself():
    assert json.loads(mapping.status_body("10233", 9)) == [{"id": 10233, "status_id": 9}]


def test_a_webhooks_events_are_read_as_numbers_or_texts():
    events = [{"eventno": 3}, {"id": 4, "eventno": "19"}]
    webhook = read_record(Webhook, {"id": "c3f1", "events": events})
    assert [event.eventno for event in webhook.events or ()] == [3, 19]


def test_a_listed_ticket_needs_no_date():
    assert read_record(ListedTicket, {"id": 7}).lastactiondate is None
