"""What HaloPSA's refusals mean, row by row, and how its words are found."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from integrations.answers import Answer, failure
from integrations.errors import AmbiguousError, CallError, RejectedError, ThrottledError, UnreachableError
from integrations.halopsa.classification import TABLE, Verdict, classified, is_unauthorized
from integrations.halopsa.wire import words

NOW = datetime(2026, 8, 11, tzinfo=UTC)

#: A real or likely sentence for each row of the table, in its order.
SAID = (
    "You do not have access to this Action at the moment",
    "An Outcome must be entered for this Action",
    "invalid_client: The client credentials are not valid.",
    "unauthorized_client: The client is not allowed to use this grant.",
    "invalid_scope: The scope read:actions is not valid.",
    "Transaction (Process ID 71) was deadlocked on lock resources with another process",
    "Execution Timeout Expired.  The timeout period elapsed prior to completion of the operation",
)


def refusal(status: int, text: str, *, write: bool) -> CallError:
    answer = Answer(status, {}, json.dumps({"message": text}).encode())
    return failure(answer, words, write=write, now=NOW)


def test_every_row_has_its_sentence_its_source_and_what_to_do():
    assert len(SAID) == len(TABLE)
    for row, text in zip(TABLE, SAID, strict=True):
        assert row.pattern.search(text)
        assert row.source
        assert row.advice or row.verdict is not Verdict.PERMANENT


@pytest.mark.parametrize(
    ("row", "text"), list(zip(TABLE, SAID, strict=True)), ids=[text[:30] for text in SAID]
)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500, 502])
@pytest.mark.parametrize("write", [True, False])
def test_a_rows_words_decide_whatever_the_status(row, text, status, write):
    found = classified(refusal(status, text, write=write), write=write)
    expected: dict[Verdict, type[CallError]] = {
        Verdict.PERMANENT: RejectedError,
        Verdict.TRANSIENT: UnreachableError,
        Verdict.AMBIGUOUS: AmbiguousError if write else UnreachableError,
    }
    assert type(found) is expected[row.verdict]
    assert str(found).startswith(f"HTTP {status}: {text[:20]}")
    assert row.advice in str(found)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RejectedError),
        (403, RejectedError),
        (409, UnreachableError),
        (408, AmbiguousError),
        (500, AmbiguousError),
        (504, AmbiguousError),
    ],
)
def test_other_words_leave_the_decision_to_the_status(status, kind):
    assert type(classified(refusal(status, "Something else", write=True), write=True)) is kind


@pytest.mark.parametrize("text", SAID)
def test_a_refusal_that_names_its_wait_stays_one(text):
    error = ThrottledError(f"HTTP 429: {text}", retry_after=timedelta(seconds=7))
    assert classified(error, write=True) is error


def test_the_missing_outcome_says_what_to_do():
    found = classified(refusal(400, SAID[0], write=True), write=True)
    assert "set the credential outcome_id" in str(found)


@pytest.mark.parametrize(
    ("text", "is_one"), [("HTTP 401: x", True), ("HTTP 4010: x", False), ("no HTTP 401", False)]
)
def test_a_refused_token_is_told_by_the_status_alone(text, is_one):
    assert is_unauthorized(RejectedError(text)) is is_one


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"error": "invalid_client", "error_description": "Not valid."}', "invalid_client: Not valid."),
        ('{"error": "invalid_client"}', "invalid_client"),
        ('{"Message": "An error has occurred."}', "An error has occurred."),
        ('{"title": "Bad Request"}', "Bad Request"),
        ('"You do not have access"', "You do not have access"),
        ('["First", "second"]', "First"),
        ('[{"message": "First"}]', "First"),
        ("{}", "no explanation given"),
        ("[]", "no explanation given"),
        ("7", "no explanation given"),
        ('{"message": 7}', "no explanation given"),
        ("<html>", "the answer is not JSON"),
    ],
)
def test_halos_words_are_found_in_any_of_the_known_shapes(body, said):
    assert words(Answer(400, {}, body.encode())) == said
