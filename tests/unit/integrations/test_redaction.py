"""Error texts carry no secrets."""

import pytest

from integrations.redaction import MAX_TEXT, safe_text


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("key s3cret-private-key refused", "key *** refused"),
        ("Authorization: Basic YWNtZStwdWI6cHJpdg==", "Authorization: ***"),
        ("got Bearer abcdef123456", "got Bearer ***"),
        ("secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "secret ***"),
        ("at https://joe:pass@psa.example.com/x", "at https://***@psa.example.com/x"),
        ("at https://psa.example.com/x?id=1&token=2 now", "at https://psa.example.com/x?*** now"),
        ("at https://psa.example.com/x?token now", "at https://psa.example.com/x?*** now"),
        ("at /notes?conditions=id now", "at /notes?*** now"),
        ("line one\nline two\x00", "line one line two"),
        ("is the ticket open?", "is the ticket open?"),
    ],
)
def test_secrets_are_removed_and_the_rest_stays(text, safe):
    assert safe_text(text, ["s3cret-private-key"]) == safe


def test_a_short_secret_is_removed_only_as_a_word():
    assert safe_text("pub is public", ["pub"]) == "*** is public"


def test_a_longer_secret_that_contains_a_shorter_one_is_removed_whole():
    assert safe_text("abcdefgh-tail", ["abcdefgh", "abcdefgh-tail"]) == "***"


def test_a_long_text_is_cut_after_the_secrets_are_removed():
    text = safe_text("x" * (MAX_TEXT - 5) + "s3cret-private-key", ["s3cret-private-key"])
    assert len(text) <= MAX_TEXT
    assert "s3cr" not in text
