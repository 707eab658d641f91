"""Row by row: what ConnectWise's refusals mean."""

import json
from datetime import UTC, datetime

import pytest

from integrations.answers import Answer, NotFoundError, failure
from integrations.connectwise.classification import TABLE, Row, Verdict, judged
from integrations.connectwise.mapping import words
from integrations.errors import AmbiguousError, CallError, RejectedError, ThrottledError, UnreachableError

NOW = datetime(2026, 6, 2, 14, tzinfo=UTC)


def meaning(status: int, text: str, *, write: bool) -> type[CallError]:
    body = json.dumps({"code": "ConnectWiseApi", "message": text}).encode()
    answer = Answer(status, {}, body)
    return type(judged(failure(answer, words, write=write, now=NOW), answer, write=write))


def expected(row: Row, *, write: bool) -> tuple[type[CallError], ...]:
    if row.verdict is Verdict.PERMANENT:
        return (RejectedError, NotFoundError)
    if row.verdict is Verdict.AMBIGUOUS and write:
        return (AmbiguousError,)
    return (UnreachableError, ThrottledError)


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.status}-{row.words[:20]}-{row.verdict}")
def test_each_row_of_the_table_means_what_it_says(row, write):
    assert meaning(row.status or 500, row.words.upper(), write=write) in expected(row, write=write)


def test_every_row_can_be_reached_and_names_its_source():
    for place, row in enumerate(TABLE):
        earlier = TABLE[:place]
        hidden = [e for e in earlier if e.status in {None, row.status} and e.words in row.words]
        assert not hidden, row
        assert row.source


@pytest.mark.parametrize(
    ("status", "text", "on_read", "on_write"),
    [
        (500, "SSL is required.", RejectedError, RejectedError),
        (500, "A timeout has occured. Please try again.", UnreachableError, AmbiguousError),
        (500, "Object reference not set", UnreachableError, AmbiguousError),
        (409, "The record is locked", UnreachableError, UnreachableError),
        (404, "Ticket 7 not found", NotFoundError, NotFoundError),
        (429, "Too many requests. Please try again in 30 seconds.", ThrottledError, ThrottledError),
        (502, "Bad gateway", UnreachableError, AmbiguousError),
        (418, "whatever", RejectedError, RejectedError),
    ],
)
def test_what_was_seen_is_read_as_integrators_read_it(status, text, on_read, on_write):
    assert meaning(status, text, write=False) is on_read
    assert meaning(status, text, write=True) is on_write
