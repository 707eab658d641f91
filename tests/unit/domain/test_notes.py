"""The debounce of notes, as arithmetic."""

from datetime import UTC, datetime, timedelta

import pytest

from worker.domain.notes import LATER_MS, due_at, ensure_fits, ensure_newer, lateness_bound, put_in
from worker.errors import Refusal

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
#: `[{"n":""}]` around the text.
FRAME_BYTES = 10


@pytest.mark.parametrize(
    ("first_dirty_seconds_ago", "due_in_seconds"), [(0, 2), (7, 2), (8, 2), (9, 1), (10, 0), (60, -50)]
)
def test_a_draft_is_due_after_a_pause_and_never_later_than_its_longest_wait(
    first_dirty_seconds_ago, due_in_seconds
):
    due = due_at(
        saved_at=NOON,
        first_dirty_at=NOON - timedelta(seconds=first_dirty_seconds_ago),
        quiet_period=timedelta(seconds=2),
        max_wait=timedelta(seconds=10),
    )
    assert due - NOON == timedelta(seconds=due_in_seconds)


@pytest.mark.parametrize("text", ["x" * (262_144 - FRAME_BYTES), "é" * ((262_144 - FRAME_BYTES) // 2)])
def test_notes_of_exactly_256_kib_fit(text):
    ensure_fits([{"n": text}])


@pytest.mark.parametrize("text", ["x" * (262_145 - FRAME_BYTES), "é" * ((262_146 - FRAME_BYTES) // 2)])
def test_notes_over_256_kib_of_utf8_are_refused_with_their_size(text):
    with pytest.raises(Refusal) as refused:
        ensure_fits([{"n": text}])
    assert refused.value.code == "too_large"
    assert refused.value.details["limit_bytes"] == 262_144
    assert 262_145 <= refused.value.details["size_bytes"] <= 262_146


@pytest.mark.parametrize(("revision", "current"), [(1, 0), (8, 7), (100, 7)])
def test_a_higher_revision_is_taken(revision, current):
    ensure_newer(revision=revision, current=current)


@pytest.mark.parametrize("revision", [1, 6, 7])
def test_a_revision_that_is_not_higher_is_stale_and_told_the_current_one(revision):
    with pytest.raises(Refusal) as refused:
        ensure_newer(revision=revision, current=7)
    assert (refused.value.code, refused.value.details) == ("stale", {"current_revision": 7})


@pytest.mark.parametrize(
    ("notes", "from_ticket", "merged"),
    [
        ([], [], []),
        ([], [{"psa_note_id": "7", "text": "a"}], ["a"]),
        ([{"psa_note_id": "7", "text": "a"}], [{"psa_note_id": "7", "text": "edited"}], ["edited"]),
        ([{"psa_note_id": "7", "text": "a"}], [{"psa_note_id": 7, "text": "edited"}], ["edited"]),
        (
            [{"psa_note_id": "7", "text": "a"}, {"psa_note_id": "8", "text": "b"}],
            [{"psa_note_id": "9", "text": "c"}, {"psa_note_id": "7", "text": "d"}],
            ["d", "b", "c"],
        ),
    ],
)
def test_notes_typed_in_the_ticket_join_the_list_and_an_edited_one_replaces_itself(
    notes, from_ticket, merged
):
    assert [note["text"] for note in put_in(notes, from_ticket)] == merged


@pytest.mark.parametrize(
    ("late_ms", "bound"),
    [(0, 250), (250, 250), (251, 500), (60_000, 60_000), (60_001, LATER_MS)],
)
def test_lateness_is_counted_under_the_smallest_bound_that_holds(late_ms, bound):
    assert lateness_bound(timedelta(milliseconds=late_ms)) == bound
