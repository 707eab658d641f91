"""A connection's pace is asked before each single request."""

from dataclasses import replace
from datetime import timedelta

import pytest

from integrations.errors import ThrottledError, UnreachableError
from integrations.registry import provider

pytestmark = pytest.mark.integration


@pytest.fixture
def paced(simulator):
    def client_at(pace):
        return provider("connectwise").client(replace(simulator.link(), pace=pace))

    return client_at


def test_each_request_asks_for_its_place(simulator, paced):
    asked: list[int] = []
    paced(lambda: asked.append(1)).check()
    assert len(asked) == len(simulator.requests()) == 1


def test_a_read_that_is_asked_again_asks_for_a_second_place(simulator, paced):
    asked: list[int] = []
    simulator.fault("reset", times=2)
    with pytest.raises(UnreachableError):
        paced(lambda: asked.append(1)).check()
    assert len(asked) == 2


def test_where_there_is_no_place_nothing_is_sent(simulator, paced):
    full = ThrottledError("the share of this hour is used up", retry_after=timedelta(seconds=90))

    def refuse() -> None:
        raise full

    with pytest.raises(ThrottledError) as throttled:
        paced(refuse).check()
    assert throttled.value is full
    assert simulator.requests() == []
