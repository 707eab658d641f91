"""One wake-up per lane at a time, on a real Redis."""

from uuid import uuid4

import pytest
from celery import Celery

from worker.base_task import WalkTask
from worker.runtime.home import Home
from worker.wakes import LANE_HEADER, Wakes


@pytest.fixture
def flags(home: Home) -> Wakes:
    return Wakes(home.redis_url)


def test_a_lane_that_has_a_wake_up_waiting_gets_no_second_one(flags: Wakes):
    lane, other = str(uuid4()), str(uuid4())
    assert flags.claim([lane]) == [True]
    assert flags.claim([lane, other, other]) == [False, True, False]


def test_once_received_the_lane_gets_a_new_one(flags: Wakes):
    lane = str(uuid4())
    flags.claim([lane])
    flags.received(lane)
    assert flags.claim([lane]) == [True]


def test_without_redis_every_wake_up_is_sent():
    gone = Wakes("redis+socket:///nowhere/redis.sock")
    assert gone.claim(["a", "a"]) == [True, True]
    gone.received("a")


def test_with_another_broker_every_wake_up_is_sent():
    assert Wakes("amqp://broker").claim(["a", "a"]) == [True, True]


def does_nothing() -> dict[str, str]:
    return {"outcome": "applied"}


def test_a_task_that_begins_takes_its_lanes_flag_away(flags: Wakes, home: Home):
    lane = str(uuid4())
    flags.claim([lane])
    app = Celery(broker=home.redis_url, set_as_current=False)
    task = app.task(base=WalkTask, name="test.task", shared=False)(does_nothing)
    task.push_request(id=str(uuid4()), headers={LANE_HEADER: lane})
    task()
    assert flags.claim([lane]) == [True]
    app.close()
