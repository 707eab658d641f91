"""What Zendesk's records mean, what is sent, and which links are accepted. No network."""

import json
from dataclasses import replace
from typing import Any

import pytest

from integrations.answers import Answer
from integrations.errors import PayloadError, RejectedError
from integrations.ports import Link, NotePurpose, NotePush
from integrations.zendesk import Zendesk, mapping
from integrations.zendesk.api import words
from integrations.zendesk.mapping import Comment, ShownTicket, User, read_record, to_notes, to_ticket

LINK = Link("c1", "https://acme.zendesk.com", {"email": "tw@acme.example", "api_token": "t0ken-of-tests"})
OWN = "tw@acme.example"


def shown(**ticket: Any) -> ShownTicket:
    record = {"id": 35436, "status": "open", **ticket}
    sideloaded = {
        "users": [{"id": 101, "email": "jdoe@acme.example", "role": "agent"}],
        "groups": [{"id": 701, "name": "Support"}],
        "organizations": [{"id": 801, "name": "Customer Ltd"}],
    }
    return read_record(ShownTicket, {"ticket": record, **sideloaded})


def note_of(purpose: NotePurpose, text: str = "done") -> Any:
    return json.loads(mapping.note_body(NotePush("e1", "35436", purpose, text, {})))


def test_a_ticket_shows_names_where_zendesk_gives_ids():
    found = to_ticket(
        shown(subject="VPN down", assignee_id=101, group_id=701, organization_id=801, priority="high")
    )
    assert (found.summary, found.status, found.board) == ("VPN down", "Open", "Support")
    assert (found.company, found.assigned_to, found.priority) == ("Customer Ltd", "jdoe@acme.example", "High")
    assert (found.type, found.merged_into) == (None, None)


def test_a_ticket_names_no_version_since_two_changes_in_one_second_would_have_the_same():
    assert to_ticket(shown(updated_at="2026-06-02T14:03:11Z")).version is None


@pytest.mark.parametrize(
    ("status", "name", "closed"),
    [
        ("new", "New", False),
        ("open", "Open", False),
        ("pending", "Pending", False),
        ("hold", "On-hold", False),
        ("solved", "Solved", True),
        ("closed", "Closed", True),
        ("thawed", "thawed", False),
    ],
)
def test_a_status_has_its_name_and_is_over_or_not(status, name, closed):
    found = to_ticket(shown(status=status))
    assert (found.status, found.closed) == (name, closed)


def test_notes_are_the_comments_behind_the_description_oldest_first():
    users = {
        1: User(id=1, email="jdoe@acme.example", role="agent"),
        2: User(id=2, email="bob@customer.example", role="end-user"),
        3: User(id=3, email="TW@acme.example", role="admin"),
    }
    authors = {12: 2, 13: 3, 10: 2, 11: 1, 14: 9}
    comments = [Comment(id=number, body=f"c{number}", author_id=who) for number, who in authors.items()]
    found = to_notes(comments, users, OWN)
    assert [note.text for note in found] == ["c11", "c12", "c13", "c14"]
    assert [note.author for note in found] == ["jdoe@acme.example", None, "TW@acme.example", None]
    assert [note.own for note in found] == [False, False, True, False]


@pytest.mark.parametrize("purpose", list(NotePurpose))
def test_who_sees_a_note_is_said_every_time(purpose):
    comment = note_of(purpose)["ticket"]["comment"]
    assert comment == {"body": "done", "public": purpose is NotePurpose.CUSTOMER}


def test_a_note_of_the_limit_fits_the_column_in_any_script():
    assert len(("🛠" * mapping.NOTE_LIMIT).encode()) <= 65_535
    with pytest.raises(RejectedError, match="16001 characters"):
        note_of(NotePurpose.INTERNAL, "x" * (mapping.NOTE_LIMIT + 1))


@pytest.mark.parametrize(
    "answer",
    [{}, {"audit": {}}, {"audit": {"events": []}}, {"audit": {"events": [{"id": 1, "type": "Change"}]}}],
)
def test_an_answer_without_a_comment_names_none(answer):
    with pytest.raises(PayloadError):
        mapping.comment_id(answer)


def test_the_new_comment_is_found_among_the_other_events():
    events = [{"id": 1, "type": "Change"}, {"id": 2, "type": "Comment"}]
    assert mapping.comment_id({"audit": {"events": events}}) == "2"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {
                "error": "RecordInvalid",
                "description": "Record validation errors",
                "details": {"status": [{"description": "Status: closed prevents ticket update"}]},
            },
            "RecordInvalid: Record validation errors; Status: closed prevents ticket update",
        ),
        ({"error": {"title": "Forbidden", "message": "No right"}}, "Forbidden: No right"),
        ({"error": "Couldn't authenticate you"}, "Couldn't authenticate you"),
        ({"errors": [{"code": "InvalidUrl", "title": "Bad", "detail": "no"}]}, "InvalidUrl: Bad: no"),
        ({"errors": "x", "details": 7}, "no explanation given"),
        ([], "no explanation given"),
    ],
)
def test_zendesks_own_words_are_found_in_each_of_its_shapes(body, said):
    assert words(Answer(422, {}, json.dumps(body).encode())) == said


def test_a_page_of_html_has_no_words():
    assert words(Answer(404, {}, b"<h1>No such help desk</h1>")) == "the answer is not JSON"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"base_url": "https://acme.zendesk.com/agent"}, "the site alone"),
        ({"base_url": "http://acme.zendesk.com"}, "https"),
        ({"base_url": "https://10.0.0.1"}, "private"),
        ({"credentials": {"email": OWN}}, "needs the credential api_token"),
        ({"credentials": {**LINK.credentials, "token": "x"}}, "knows no credential token"),
        ({"credentials": {**LINK.credentials, "api_token": "a\nb"}}, "no header may carry"),
        ({"credentials": {**LINK.credentials, "email": f"{OWN}/token"}}, "without /token"),
    ],
)
def test_a_link_that_cannot_work_is_refused_with_a_sentence(changes, sentence):
    with pytest.raises(ValueError, match=sentence) as refused:
        Zendesk().check_link(replace(LINK, **changes))
    assert "t0ken-of-tests" not in str(refused.value)


def test_no_secret_is_in_a_repr():
    client = Zendesk().client(LINK)
    assert "t0ken-of-tests" not in f"{client!r} {LINK!r}"
