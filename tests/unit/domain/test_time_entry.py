"""What a walk's time entry says."""

from datetime import UTC, datetime, timedelta

import pytest

from worker.domain.time_entry import TimeSpent, time_spent, time_text
from worker.domain.words import SessionStatus

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "counted"), [(0, 60), (59, 60), (60, 60), (61, 61), (7_200, 7_200)])
def test_time_is_what_was_measured_and_at_least_a_minute(seconds, counted):
    spent = time_spent(BEGAN, BEGAN + timedelta(seconds=seconds))
    assert spent == TimeSpent(BEGAN, BEGAN + timedelta(seconds=counted))


def test_the_text_ends_with_the_marker():
    assert time_text(SessionStatus.RESOLVED, marker="[tw:1]") == "Level-1 walk, resolved. [tw:1]"
