"""ConnectWise records and note bodies."""

import json

import pytest

from integrations.answers import Answer
from integrations.connectwise import mapping
from integrations.errors import PayloadError, RejectedError
from integrations.ports import NotePurpose, NotePush


def push(purpose: NotePurpose, text: str = "done [tw:1]") -> NotePush:
    return NotePush("e1", "7", purpose, text, {})


@pytest.mark.parametrize(
    ("purpose", "shown"),
    [
        (NotePurpose.RESOLUTION, "resolutionFlag"),
        (NotePurpose.HANDOFF, "internalAnalysisFlag"),
        (NotePurpose.INTERNAL, "internalAnalysisFlag"),
    ],
)
def test_a_note_says_every_flag_and_never_mails(purpose, shown):
    note = json.loads(mapping.note_body(push(purpose)))
    flags = dict.fromkeys(("detailDescriptionFlag", "internalAnalysisFlag", "resolutionFlag"), False)
    quiet = {"customerUpdatedFlag": False, "processNotifications": False}
    assert note == {"text": "done [tw:1]", **flags, shown: True, **quiet}


def test_equal_pushes_have_equal_bytes():
    assert mapping.note_body(push(NotePurpose.HANDOFF)) == mapping.note_body(push(NotePurpose.HANDOFF))


def test_a_note_over_the_limit_is_refused_with_its_size():
    mapping.note_body(push(NotePurpose.HANDOFF, "x" * 4000))
    with pytest.raises(RejectedError, match="4001"):
        mapping.note_body(push(NotePurpose.HANDOFF, "x" * 4001))


@pytest.mark.parametrize(
    ("status", "flag", "closed"),
    [("New", False, False), (">Closed", False, True), ("Closed - silent", False, True), ("Done", True, True)],
)
def test_a_ticket_is_closed_by_its_flag_or_its_status(status, flag, closed):
    record = {"id": 7, "status": {"id": 1, "name": status}, "closedFlag": flag}
    assert mapping.to_ticket(mapping.read_record(mapping.Ticket, record)).closed is closed


@pytest.mark.parametrize(
    ("record", "author", "own"),
    [
        ({"id": 1, "member": {"identifier": "jdoe"}, "createdBy": "jdoe"}, "jdoe", False),
        ({"id": 1, "contact": {"name": "Bob"}, "createdBy": "bob@example.com"}, None, False),
        ({"id": 1, "createdBy": "TicketWalk"}, "TicketWalk", True),
        ({"id": 1, "member": {"identifier": "ticketwalk"}}, "ticketwalk", True),
        ({"id": 1}, None, False),
    ],
)
def test_a_notes_author_is_a_member_and_own_where_it_is_the_api_member(record, author, own):
    note = mapping.to_note(mapping.read_record(mapping.Note, record), own_members=frozenset({"ticketwalk"}))
    assert (note.author, note.own) == (author, own)


def test_a_record_that_does_not_fit_names_the_field_and_never_its_value():
    with pytest.raises(PayloadError, match=r"ticket does not fit: .*status") as refusal:
        mapping.read_record(mapping.Ticket, {"id": 7, "status": "customer secret", "summary": ["private"]})
    assert "secret" not in str(refusal.value)
    assert "private" not in str(refusal.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            (
                b'{"code":"InvalidObject","message":"note object is invalid",'
                b'"errors":[{"code":"x","message":"is required","field":"text"}]}'
            ),
            "InvalidObject: note object is invalid; text: is required",
        ),
        (b'{"error":"ConnectWiseAPI","message":"Too many requests."}', "Too many requests."),
        (b"<html>bad gateway</html>", "the answer is not JSON"),
        (b'{"code": 5, "errors": ["x", null]}', "no explanation given"),
        (b"[]", "no explanation given"),
        (b"", "the answer is not JSON"),
    ],
)
def test_the_providers_words_are_found_in_its_error_body(body, words):
    assert mapping.words(Answer(400, {}, body)) == words
