"""What one process does about a connection's limits when it is alone."""

from datetime import timedelta

import pytest

from worker.domain.pace import FIRST_PATIENCE, LATER_PATIENCE, CallLimit
from worker.services.pacing import LinkPace, LocalPacer, NoPlaceError, OwnLimitError

SLOW = CallLimit(1, timedelta(hours=1))
FAST = CallLimit(1000, timedelta(seconds=1))


def test_a_connection_has_a_bounded_number_of_calls_under_way_and_others_are_not_affected():
    pacer = LocalPacer()
    with pacer.place("slow", 2), pacer.place("slow", 2):
        with pytest.raises(NoPlaceError), pacer.place("slow", 2):
            pytest.fail("a third call was let in")
        with pacer.place("other", 2):
            pass
    with pacer.place("slow", 2):
        pass


def test_a_call_that_fails_gives_its_place_back():
    pacer = LocalPacer()
    with pytest.raises(ZeroDivisionError), pacer.place("a", 1):
        raise ZeroDivisionError
    with pacer.place("a", 1):
        pass


def test_a_slot_beyond_the_patience_is_refused_with_the_exact_wait_and_not_taken():
    pacer = LocalPacer()
    pacer.wait("a", SLOW)
    for _ in range(3):
        with pytest.raises(OwnLimitError) as refused:
            pacer.wait("a", SLOW)
        assert timedelta(minutes=61) < refused.value.retry_after < timedelta(minutes=62)
    pacer.wait("b", SLOW)


def test_slots_within_the_patience_are_waited_for():
    pacer = LocalPacer()
    for _ in range(50):
        pacer.wait("a", FAST)


class Noted:
    """A pacer that only notes how long each call would wait."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, CallLimit, timedelta]] = []

    def wait(self, connection_id: str, limit: CallLimit, *, patience: timedelta) -> None:
        self.asked.append((connection_id, limit, patience))

    def place(self, connection_id: str, at_once: int, *, patience: timedelta = FIRST_PATIENCE):
        raise NotImplementedError


def test_work_that_has_called_once_waits_longer_since_to_start_again_would_spend_calls():
    noted = Noted()
    pace = LinkPace(noted, "a", FAST, patience=FIRST_PATIENCE)
    pace()
    pace()
    assert noted.asked == [("a", FAST, FIRST_PATIENCE), ("a", FAST, LATER_PATIENCE)]


def test_a_place_is_given_only_where_a_slot_is_near():
    pacer = LocalPacer()
    pacer.wait("a", SLOW)
    with pytest.raises(NoPlaceError), pacer.place("a", 3):
        pytest.fail("its slot is an hour away")
    with pacer.place("a", 3, patience=timedelta(hours=2)), pacer.place("b", 3):
        pass
