"""What Autotask means by its errors: the table, row by row."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from integrations.answers import Answer, NotFoundError, failure
from integrations.autotask.classification import TABLE, Meaning, UnauthorizedError, judged, words
from integrations.errors import AmbiguousError, CallError, RejectedError, ThrottledError, UnreachableError

NOW = datetime(2026, 6, 2, tzinfo=UTC)

#: One text for each row, in the table's order, and what it means on a read and on a write.
ROWS = [
    ("Thread Threshold Exceeded (Itgenatr005)", ThrottledError, ThrottledError),
    ("No message. No matching records found. The logged in …", NotFoundError, NotFoundError),
    ("The logged in Resource does not have the adequate permissions to …", RejectedError, RejectedError),
    ("Value does not exist for the required field resourceID", RejectedError, RejectedError),
    (
        "Reference value on field: roleID of timeEntryType: Role does not exist or is invalid.",
        RejectedError,
        RejectedError,
    ),
    ("TimeEntries for Tickets must have a roleID", RejectedError, RejectedError),
    ("Value of field status is not valid", RejectedError, RejectedError),
    ("Unable to find ticketNo in the Ticket Entity.", RejectedError, RejectedError),
    ("Execution Timeout Expired.", UnreachableError, AmbiguousError),
]


def meaning_of(answer: Answer, *, write: bool) -> CallError:
    return judged(failure(answer, words, write=write, now=NOW), answer, write=write)


def answer_with(text: str, status: int = 500) -> Answer:
    return Answer(status, {}, json.dumps({"errors": [text]}).encode())


def test_every_row_has_its_example_and_its_source():
    fits = [next(row for row in TABLE if row.pattern.search(text)) for text, _, _ in ROWS]
    assert fits == list(TABLE)
    assert all(row.source for row in TABLE)
    assert {row.meaning for row in TABLE} == set(Meaning)


@pytest.mark.parametrize(("text", "on_read", "on_write"), ROWS)
def test_a_text_has_one_meaning_for_reads_and_one_for_writes(text, on_read, on_write):
    for status in (400, 500):
        assert type(meaning_of(answer_with(text, status), write=False)) is on_read
        assert type(meaning_of(answer_with(text, status), write=True)) is on_write
    assert text in str(meaning_of(answer_with(text), write=True))


@pytest.mark.parametrize(
    ("status", "on_read", "on_write"),
    [
        (500, UnreachableError, AmbiguousError),
        (502, UnreachableError, AmbiguousError),
        (504, UnreachableError, AmbiguousError),
        (400, RejectedError, RejectedError),
        (401, UnauthorizedError, UnauthorizedError),
        (403, RejectedError, RejectedError),
        (404, NotFoundError, NotFoundError),
        (405, RejectedError, RejectedError),
        (429, ThrottledError, ThrottledError),
        (503, ThrottledError, ThrottledError),
    ],
)
def test_a_text_that_is_not_in_the_table_leaves_it_to_the_status(status, on_read, on_write):
    for body in (b'{"errors": ["An error occurred."]}', b"<html>Bad Gateway</html>", b"[]", b""):
        answer = Answer(status, {}, body)
        assert type(meaning_of(answer, write=False)) is on_read
        assert type(meaning_of(answer, write=True)) is on_write


@pytest.mark.parametrize(("status", "error"), [(401, UnauthorizedError), (429, ThrottledError)])
def test_wrong_credentials_and_throttling_are_told_by_their_status_whatever_the_text(status, error):
    assert type(meaning_of(answer_with("No matching records found", status), write=True)) is error


def test_a_thread_is_waited_for_shortly_and_a_quota_as_long_as_it_says():
    threads = meaning_of(answer_with("Thread Threshold Exceeded"), write=True)
    quota = meaning_of(Answer(429, {"retry-after": "60"}, b""), write=True)
    assert isinstance(threads, ThrottledError)
    assert isinstance(quota, ThrottledError)
    assert (threads.retry_after, quota.retry_after) == (timedelta(seconds=5), timedelta(seconds=60))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"errors": ["one", "two", "three", "four"]}', "one; two; three"),
        (b'{"Errors": [{"message": "one"}, 5, null]}', "one"),
        (b'{"Message": "The requested resource does not support http method \'PATCH\'."}', "The requested"),
        (b"<html>bad gateway</html>", "the answer is not JSON"),
        (b'{"errors": "x"}', "no explanation given"),
        (b"[]", "no explanation given"),
    ],
)
def test_the_providers_words_are_found_in_its_error_body(body, said):
    assert words(Answer(500, {}, body)).startswith(said)
