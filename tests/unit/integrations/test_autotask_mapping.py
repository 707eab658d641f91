"""Autotask records, and the bodies of notes and time entries."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from integrations.autotask import mapping
from integrations.autotask.cache import TimedCache
from integrations.errors import PayloadError, RejectedError
from integrations.ports import NotePurpose, NotePush, TimePush

START = datetime(2026, 9, 15, 14, 3, 20, tzinfo=UTC)


def push(purpose: NotePurpose, text: str = "done [tw:1]") -> NotePush:
    return NotePush("e1", "7", purpose, text, {})


def time_entry(start: datetime, end: datetime, text: str = "worked [tw:2]") -> dict[str, object]:
    pushed = TimePush("e1", "7", "jdoe", start, end, text)
    entry: dict[str, object] = json.loads(
        mapping.time_body(pushed, ticket_id=7, resource_id=29682885, role_id=29683466)
    )
    return entry


@pytest.mark.parametrize(
    ("purpose", "publish", "title"),
    [
        (NotePurpose.RESOLUTION, 2, "Resolution"),
        (NotePurpose.HANDOFF, 2, "Hand-off"),
        (NotePurpose.INTERNAL, 2, "Note"),
        (NotePurpose.CUSTOMER, 1, "Message"),
    ],
)
def test_only_a_note_for_the_customer_is_published_to_all(purpose, publish, title):
    note = json.loads(mapping.note_body(push(purpose)))
    assert note == {
        "id": 0,
        "title": title,
        "description": "done [tw:1]",
        "noteType": 3,
        "publish": publish,
    }


def test_equal_pushes_have_equal_bytes():
    assert mapping.note_body(push(NotePurpose.HANDOFF)) == mapping.note_body(push(NotePurpose.HANDOFF))


def test_a_note_over_the_limit_is_refused_with_its_size_and_never_cut():
    whole = json.loads(mapping.note_body(push(NotePurpose.HANDOFF, "x" * 32_000)))
    assert whole["description"] == "x" * 32_000
    with pytest.raises(RejectedError, match="32001"):
        mapping.note_body(push(NotePurpose.HANDOFF, "x" * 32_001))


def test_a_time_entry_names_ticket_resource_role_and_the_time_worked():
    assert time_entry(START, START + timedelta(minutes=30)) == {
        "id": 0,
        "ticketID": 7,
        "resourceID": 29682885,
        "roleID": 29683466,
        "dateWorked": "2026-09-15T00:00:00Z",
        "startDateTime": "2026-09-15T14:03:00Z",
        "endDateTime": "2026-09-15T14:34:00Z",
        "hoursWorked": 0.5167,
        "summaryNotes": "worked [tw:2]",
    }


@pytest.mark.parametrize("seconds", [0, 1, 39])
def test_the_shortest_time_entry_is_a_minute(seconds):
    entry = time_entry(START, START + timedelta(seconds=seconds))
    assert (entry["endDateTime"], entry["hoursWorked"]) == ("2026-09-15T14:04:00Z", 0.0167)


def test_times_are_sent_in_utc():
    local = START.astimezone(timezone(timedelta(hours=-10)))
    assert time_entry(local, local + timedelta(minutes=30)) == time_entry(
        START, START + timedelta(minutes=30)
    )


def test_a_time_entrys_text_over_the_limit_is_refused():
    with pytest.raises(RejectedError, match="32001"):
        time_entry(START, START, "x" * 32_001)


@pytest.mark.parametrize(
    ("record", "author", "own"),
    [
        ({"creatorResourceID": 7}, "jdoe", False),
        ({"creatorResourceID": 9}, "jdoe", True),
        ({"createdByContactID": 5}, None, False),
        ({"creatorResourceID": 7, "createdByContactID": 5}, None, False),
        ({"createdByContactID": None, "creatorResourceId": 9}, "jdoe", True),
    ],
)
def test_a_note_by_a_contact_has_no_author_and_one_by_the_api_user_is_own(record, author, own):
    note = mapping.to_note(
        mapping.read_record(mapping.Note, {"id": 1, **record}), author="jdoe", own_resource=9
    )
    assert (note.author, note.own) == (author, own)


def test_without_the_own_resource_no_note_is_own():
    note = mapping.read_record(mapping.Note, {"id": 1, "creatorResourceID": None})
    assert not mapping.to_note(note, author=None, own_resource=None).own


def test_a_time_without_a_zone_is_utc():
    note = mapping.read_record(mapping.Note, {"id": 1, "createDateTime": "2026-09-15T14:03:20.5"})
    shown = mapping.to_note(note, author=None, own_resource=None)
    assert shown.created_at == START.replace(microsecond=500_000)


@pytest.mark.parametrize(
    ("record", "by_the_system"),
    [
        ({"noteType": 13}, True),
        ({"noteType": 93}, True),
        ({"noteType": 1, "creatorResourceID": 4}, True),
        ({"noteType": 3, "creatorResourceID": 29682885}, False),
        ({"noteType": 99}, False),
        ({}, False),
    ],
)
def test_what_autotask_writes_by_itself_is_known_by_type_or_creator(record, by_the_system):
    assert mapping.read_record(mapping.Note, {"id": 1, **record}).of_the_system is by_the_system


def test_a_record_that_does_not_fit_names_the_field_and_never_its_value():
    with pytest.raises(PayloadError, match=r"ticket does not fit: .*status") as refusal:
        mapping.read_record(mapping.Ticket, {"id": 7, "status": "customer secret", "title": ["private"]})
    assert "secret" not in str(refusal.value)
    assert "private" not in str(refusal.value)


def test_a_cache_forgets_what_is_old_and_what_is_too_much():
    now = [0.0]
    cache: TimedCache[str, int] = TimedCache(lifetime_seconds=10, most=2, clock=lambda: now[0])
    cache.put("a", 1)
    now[0] = 9.0
    cache.put("b", 2)
    assert (cache.get("a"), cache.get("b")) == (1, 2)
    now[0] = 10.0
    assert (cache.get("a"), cache.get("b")) == (None, 2)
    cache.put("c", 3)
    cache.put("d", 4)
    assert (cache.get("b"), cache.get("c"), cache.get("d")) == (None, 3, 4)


@pytest.mark.parametrize(
    ("shown", "version"),
    [
        ("2022-12-07T09:15:52.407Z", "2022-12-07T09:15:52.407Z"),
        ("2022-12-07T09:15:45.2Z", "2022-12-07T09:15:45.2Z"),
        ("2022-12-07T09:15:45Z", None),
        ("2022-12-07T09:15:45.000Z", None),
        ("", None),
        (None, None),
    ],
)
def test_a_moment_of_whole_seconds_names_no_version_as_two_changes_may_share_it(shown, version):
    ticket = mapping.read_record(mapping.Ticket, {"id": 7, "lastActivityDate": shown})
    assert ticket.version == version


def test_changes_sort_by_their_moments_not_by_their_texts():
    shown = ["09:15:45Z", "09:15:45.133Z", "09:15:45.2", "09:15:45.21Z"]
    moments = [
        mapping.read_record(mapping.ChangedAt, {"id": 7, "lastActivityDate": f"2022-12-07T{text}"}).at
        for text in shown
    ]
    assert moments == sorted(moments)


def test_the_number_of_a_ticket_that_recurs_is_read_whole():
    text = "Merged into ticket T20200924.0046.051. See T20200924.0046"
    assert mapping.TICKET_NUMBER.findall(text) == ["T20200924.0046.051", "T20200924.0046"]
