"""What an HTTP answer means."""

from datetime import UTC, datetime, timedelta

import pytest

from integrations.answers import Answer, NotFoundError, failure, retry_after
from integrations.errors import AmbiguousError, RejectedError, ThrottledError, UnreachableError

NOW = datetime(2026, 6, 2, 14, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "on_read", "on_write"),
    [
        (301, RejectedError, RejectedError),
        (302, RejectedError, RejectedError),
        (400, RejectedError, RejectedError),
        (401, RejectedError, RejectedError),
        (403, RejectedError, RejectedError),
        (404, NotFoundError, NotFoundError),
        (408, UnreachableError, AmbiguousError),
        (409, UnreachableError, UnreachableError),
        (410, RejectedError, RejectedError),
        (415, RejectedError, RejectedError),
        (422, RejectedError, RejectedError),
        (429, ThrottledError, ThrottledError),
        (500, UnreachableError, AmbiguousError),
        (502, UnreachableError, AmbiguousError),
        (503, ThrottledError, ThrottledError),
        (504, UnreachableError, AmbiguousError),
        (520, UnreachableError, AmbiguousError),
    ],
)
def test_each_status_has_one_meaning_for_reads_and_one_for_writes(status, on_read, on_write):
    answer = Answer(status, {}, b"")
    assert type(failure(answer, lambda _: "words", write=False, now=NOW)) is on_read
    assert type(failure(answer, lambda _: "words", write=True, now=NOW)) is on_write


def test_the_error_carries_the_status_and_the_providers_words():
    error = failure(Answer(403, {}, b""), lambda _: "no such role", write=True, now=NOW)
    assert str(error) == "HTTP 403: no such role"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 30),
        ("7", 7),
        (" 7 ", 7),
        ("0", 1),
        ("Tue, 02 Jun 2026 14:01:30 GMT", 90),
        ("Tue, 02 Jun 2026 13:00:00 GMT", 1),
        ("Tue, 02 Jun 2026 14:01:30", 90),
        ("9" * 5000, 3600),
        ("86400", 3600),
        ("soon", 30),
        ("-5", 30),
        ("1.5", 30),
        ("", 30),
        ("²", 30),
    ],
)
def test_retry_after_is_read_as_seconds_or_date_within_bounds(header, seconds):
    assert retry_after(header, NOW) == timedelta(seconds=seconds)


def test_a_link_header_announces_the_next_page():
    assert Answer(
        200, {"link": '<https://x/y?page=2>; rel="next", <https://x>; rel="last"'}, b""
    ).has_next_page
    assert not Answer(200, {"link": '<https://x>; rel="last"'}, b"").has_next_page
