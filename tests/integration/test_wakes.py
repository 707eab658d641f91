"""One wake-up per lane at a time, on a real Redis."""

from uuid import uuid4

import pytest
from celery import Celery
from redis import Redis

from worker.base_task import WalkTask
from worker.runtime.home import Home
from worker.wakes import BEHIND, BEHIND_SECONDS, FRONT, LANE_HEADER, SHARE_HEADER, Wakes


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


def test_an_account_has_a_few_messages_in_front_and_the_rest_behind(flags: Wakes):
    share = str(uuid4())
    assert flags.take_front(share, ["1", "2", "3"]) == 3
    assert flags.take_front(share, ["4", "5", "6"]) == 1
    assert flags.take_front(str(uuid4()), ["7"]) == 1


def test_a_message_that_was_received_makes_room_in_front(flags: Wakes):
    share = str(uuid4())
    flags.take_front(share, ["1", "2", "3", "4"])
    flags.received(None, share, "2")
    assert flags.take_front(share, ["5"]) == 1
    assert flags.take_front(share, ["6"]) == 0


def test_what_comes_after_a_message_behind_goes_behind_too_until_none_comes_from_there(
    flags: Wakes, home: Home
):
    share = str(uuid4())
    flags.sent_behind(share)
    assert flags.take_front(share, ["1"]) == 0
    run_out(home, share)
    assert flags.take_front(share, ["2"]) == 1
    flags.received(None, share, "3", behind=True)
    assert flags.take_front(share, ["4"]) == 0
    run_out(home, share)
    assert flags.take_front(share, ["5"]) == 1


def test_an_account_that_keeps_sending_behind_is_in_front_again_after_a_while(flags: Wakes, home: Home):
    share = str(uuid4())
    flags.sent_behind(share)
    with Redis(unix_socket_path=str(home.redis_socket)) as redis:
        redis.expire(f"ticketwalk:behind:{share}", 100 * BEHIND_SECONDS)
        assert flags.take_front(share, ["1"]) == 0
        flags.sent_behind(share)
        assert redis.ttl(f"ticketwalk:behind:{share}") > BEHIND_SECONDS, "its time was begun anew"


def run_out(home: Home, share: str) -> None:
    """Have the time pass after which none is left behind."""
    with Redis(unix_socket_path=str(home.redis_socket)) as redis:
        key = f"ticketwalk:behind:{share}"
        assert 0 < redis.ttl(key) <= BEHIND_SECONDS
        redis.delete(key)


def test_without_redis_every_message_goes_in_front():
    assert Wakes("redis+socket:///nowhere/redis.sock").take_front("a", ["1"] * 9) == 9
    assert Wakes("amqp://broker").take_front("a", ["1"] * 9) == 9


def does_nothing() -> dict[str, str]:
    return {"outcome": "applied"}


@pytest.mark.parametrize(("priority", "room"), [(FRONT, 1), (BEHIND, 0)])
def test_a_task_that_begins_gives_back_what_its_message_held(flags: Wakes, home: Home, priority, room):
    lane, share, message_id = str(uuid4()), str(uuid4()), str(uuid4())
    flags.claim([lane])
    flags.take_front(share, [message_id, "2", "3", "4"])
    app = Celery(broker=home.redis_url, set_as_current=False)
    task = app.task(base=WalkTask, name="test.task")(does_nothing)
    headers = {LANE_HEADER: lane, SHARE_HEADER: share}
    task.push_request(id=message_id, headers=headers, delivery_info={"priority": priority})
    task()
    assert flags.claim([lane]) == [True]
    assert flags.take_front(share, ["5"]) == room
    app.close()
