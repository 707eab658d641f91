"""One slow PSA does not take every thread."""

from uuid import uuid4

import pytest

from integrations.errors import ThrottledError
from worker.services.flights import Flights


def test_a_connection_has_a_bounded_number_of_calls_under_way_and_others_are_not_affected():
    flights, slow, other = Flights(limit=2), uuid4(), uuid4()
    with flights.enter(slow), flights.enter(slow):
        with pytest.raises(ThrottledError), flights.enter(slow):
            pytest.fail("a third call was let in")
        with flights.enter(other):
            pass
    with flights.enter(slow):
        pass


def test_a_call_that_fails_gives_its_place_back():
    flights, connection = Flights(limit=1), uuid4()
    with pytest.raises(ZeroDivisionError), flights.enter(connection):
        raise ZeroDivisionError
    with flights.enter(connection):
        pass
