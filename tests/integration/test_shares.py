"""Every account's share of a queue, on a real Redis: what stands in it, what waits, and what lets it in."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from unittest.mock import DEFAULT, Mock, patch
from uuid import uuid4

import pytest
import redis
from celery import Celery
from celery.worker.consumer import Consumer
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

import celeryconfig
from worker.base_task import WalkTask
from worker.broker import StrictConsumer, use_strict_transport
from worker.db.unit_of_work import Hint
from worker.errors import TicketwalkError
from worker.hints import FLAGGED_AT_ONCE, CeleryPublisher
from worker.runtime.home import Home
from worker.shares import (
    AGAIN_LIMIT,
    PLACES,
    SHARE_HEADER,
    WAITING_LIMIT,
    Shares,
    share_in,
    share_of,
)


@pytest.fixture
def client(home: Home) -> Iterator[redis.Redis]:
    with redis.Redis(unix_socket_path=str(home.redis_socket)) as connected:
        yield connected


@pytest.fixture
def app(home: Home) -> Iterator[Celery]:
    use_strict_transport()
    made = Celery(broker=home.redis_url, set_as_current=False)
    made.conf.broker_transport_options = celeryconfig.broker_transport_options
    yield made
    made.close()


@pytest.fixture
def publisher(app: Celery) -> CeleryPublisher:
    return CeleryPublisher(app)


@pytest.fixture
def queue(client: redis.Redis) -> Iterator[str]:
    name = f"queue-{uuid4().hex}"
    yield name
    client.delete(name, *client.keys(f"ticketwalk:*{name}*"))


def test_what_one_account_sends_beyond_its_share_waits_while_others_are_let_in(client, publisher, queue):
    publisher.publish([hint(queue, "stormy", number) for number in range(20)])
    publisher.publish([hint(queue, "other", 20)])
    assert [command for _, command in standing(client, queue)] == [0, 1, 2, 3, 20]


def test_a_message_that_is_received_lets_the_next_of_its_account_in(client, app, publisher, queue):
    publisher.publish([hint(queue, "stormy", number) for number in range(6)])
    publisher.publish([hint(queue, "other", 6)])
    order = []
    while found := standing(client, queue):
        _, command = found[0]
        client.rpop(f"ticketwalk:{queue}")
        begin(app, share_of("stormy" if command < 6 else "other", queue))
        order.append(command)
    assert order == [0, 1, 2, 3, 6, 4, 5]


def test_an_accounts_own_order_holds_while_it_goes_on_sending(client, app, publisher, queue):
    publisher.publish([hint(queue, "stormy", number) for number in range(6)])
    client.rpop(f"ticketwalk:{queue}")
    begin(app, share_of("stormy", queue))
    publisher.publish([hint(queue, "stormy", 6)])
    assert [command for _, command in standing(client, queue)] == [1, 2, 3, 4]
    assert client.llen(waiting(queue, "stormy")) == 2


def test_a_place_is_free_as_soon_as_its_message_has_left_the_queue(client, publisher, queue):
    publisher.publish([hint(queue, "stormy", number) for number in range(PLACES + 1)])
    publisher.publish([hint(queue, "other", 7)])
    client.rpop(f"ticketwalk:{queue}", 2)  # by a worker that dies before it begins
    publisher.publish([hint(queue, "stormy", 8)])
    assert [command for _, command in standing(client, queue)] == [2, 3, 7, 4, 8]


def test_the_sweep_lets_in_what_waits_though_it_may_add_nothing(client, publisher, queue):
    publisher.publish([again(queue, "stormy", number) for number in range(AGAIN_LIMIT)])
    publisher.publish([again(queue, "stormy", AGAIN_LIMIT + number) for number in range(PLACES)])
    client.delete(f"ticketwalk:{queue}")
    publisher.publish([again(queue, "stormy", 1_000)])
    assert [command for _, command in standing(client, queue)] == [4, 5, 6, 7]


def test_of_a_lane_one_message_waits_or_stands_however_often_it_is_sent_again(client, publisher, queue):
    rows = [again(queue, "stormy", number) for number in range(2 * PLACES)]
    publisher.publish(rows)
    assert [sends(client, publisher, row) for row in rows] == [0] * len(rows)
    client.delete(f"ticketwalk:{queue}")  # by a worker that dies before it begins
    publisher.publish(rows)
    assert [command for _, command in standing(client, queue)] == [4, 5, 6, 7]
    assert client.lrange(f"ticketwalk:repeated:{share_of('stormy', queue)}", 0, -1) == [
        f"lane-{queue}-{number}".encode() for number in range(PLACES)
    ]


def test_lanes_whose_list_was_evicted_are_waked_again(client, publisher, queue):
    """A Redis that may evict takes one key and leaves another."""
    publisher.publish([of_lane(queue, "stormy", number) for number in range(PLACES + 1)])
    client.delete(waiting(queue, "stormy"), f"ticketwalk:{queue}")
    publisher.publish([again(queue, "stormy", 0)])
    assert sends(client, publisher, again(queue, "stormy", PLACES)) == 1


def test_what_waits_is_not_sent_again_until_it_is_received(client, publisher, queue):
    row = again(queue, "stormy", 7)
    assert [sends(client, publisher, row) for _ in "12"] == [1, 0]
    client.rpop(f"ticketwalk:{queue}")
    assert sends(client, publisher, row) == 1


def test_a_lane_whose_first_wake_up_waits_is_not_sent_again(client, publisher, queue):
    """It came in a storm, and a sweep finds its rows due before it has had its turn."""
    publisher.publish([of_lane(queue, "stormy", number) for number in range(2 * PLACES)])
    assert [sends(client, publisher, again(queue, "stormy", number)) for number in (0, 7)] == [0, 0]


def test_a_lane_whose_first_wake_up_was_lost_is_sent_again_though_its_flag_stands(client, publisher, queue):
    publisher.publish([of_lane(queue, "stormy", 1)])
    client.delete(f"ticketwalk:{queue}")
    assert sends(client, publisher, of_lane(queue, "stormy", 1)) == 0
    assert sends(client, publisher, again(queue, "stormy", 1)) == 1


def test_flags_of_what_the_broker_did_not_take_are_given_back(client, publisher, queue):
    rows = [of_lane(queue, "stormy", number) for number in range(4)]
    with patch.object(publisher, "_send", side_effect=[None, OSError("gone")]):
        publisher.publish(rows)
    flags = [client.exists(f"ticketwalk:wake:{row.lane}") for row in rows]
    assert flags == [1, 0, 0, 0]


def test_a_publisher_that_dies_leaves_few_flags_without_a_message(client, publisher, queue):
    rows = [of_lane(queue, "stormy", number) for number in range(50)]
    with (
        patch.object(publisher, "_send", side_effect=[None, KeyboardInterrupt]),
        pytest.raises(KeyboardInterrupt),
    ):
        publisher.publish(rows)
    assert sum(client.exists(f"ticketwalk:wake:{row.lane}") for row in rows) == FLAGGED_AT_ONCE


def test_what_is_sent_again_takes_turns_with_what_is_new(client, app, publisher, queue):
    publisher.publish([hint(queue, "stormy", number) for number in range(10)])
    publisher.publish([again(queue, "stormy", number) for number in range(100, 103)])
    order = []
    while found := standing(client, queue):
        _, command = found[0]
        client.rpop(f"ticketwalk:{queue}")
        begin(app, share_of("stormy", queue))
        order.append(command)
    assert sorted(order) == [*range(10), 100, 101, 102]
    assert [number for number in order if number < 100] == list(range(10))
    places_of_these = [order.index(number) for number in (100, 101, 102)]
    assert places_of_these in ([4, 6, 8], [5, 7, 9])


def test_messages_that_nobody_lets_in_end_by_themselves(client, publisher, queue):
    publisher.publish([hint(queue, "stormy", number) for number in range(PLACES + 1)])
    assert 0 < client.ttl(waiting(queue, "stormy")) <= 3600


def test_a_message_by_hand_has_no_share(client, app, queue):
    for number in range(PLACES + 2):
        app.send_task("step.record", kwargs={"command_id": number}, queue=queue)
    assert len(standing(client, queue)) == PLACES + 2


@pytest.mark.parametrize(("account", "sent"), [("other", 1), ("stormy", 0)])
def test_a_repeated_hint_is_sent_unless_enough_of_its_account_wait(client, publisher, queue, account, sent):
    publisher.publish([again(queue, "stormy", number) for number in range(AGAIN_LIMIT)])
    publisher.publish([again(queue, "stormy", AGAIN_LIMIT + number) for number in range(PLACES)])
    assert sends(client, publisher, again(queue, account, 1_000)) == sent


def test_a_storm_of_new_hints_keeps_no_repeated_one_out(client, publisher, queue):
    publisher.publish([hint(queue, "stormy", number) for number in range(PLACES + AGAIN_LIMIT)])
    assert sends(client, publisher, again(queue, "stormy", 1_000)) == 1


def test_repeated_hints_that_come_together_are_kept_up_to_the_same_bound(client, publisher, queue):
    publisher.publish([hint(queue, "stormy", number) for number in range(PLACES)])
    publisher.publish([again(queue, "stormy", number) for number in range(100, 100 + 2 * AGAIN_LIMIT)])
    assert client.llen(f"ticketwalk:repeated:{share_of('stormy', queue)}") == AGAIN_LIMIT


def test_new_hints_are_kept_up_to_a_bound(client, publisher, queue):
    publisher.publish([hint(queue, "stormy", number) for number in range(PLACES)])
    client.rpush(waiting(queue, "stormy"), *["{}"] * WAITING_LIMIT)
    assert sends(client, publisher, hint(queue, "stormy", 9)) == 0


def test_an_account_is_asked_about_once_however_many_hints_are_repeated(publisher, queue, monkeypatch):
    asked = Mock(return_value=0)
    monkeypatch.setattr(Shares, "room_again", asked)
    publisher.publish([again(queue, "stormy", number) for number in range(9)])
    assert asked.call_count == 1


def test_a_full_redis_takes_no_message_and_lets_those_in_that_wait(client, app, publisher, queue):
    publisher.publish([hint(queue, "stormy", number) for number in range(PLACES + 2)])
    client.rpop(f"ticketwalk:{queue}")
    before = client.config_get("maxmemory")["maxmemory"]
    client.config_set("maxmemory", 1)
    try:
        assert sends(client, publisher, hint(queue, "stormy", 6)) == 0
        begin(app, share_of("stormy", queue))
    finally:
        client.config_set("maxmemory", before)
    assert [command for _, command in standing(client, queue)] == [1, 2, 3, 4]


@pytest.mark.parametrize("refused", ["on_unknown_task", "on_invalid_task", "malformed"])
def test_a_message_that_no_task_begins_for_lets_the_next_one_in(client, app, publisher, queue, refused):
    publisher.publish([hint(queue, "stormy", number) for number in range(PLACES + 1)])
    client.rpop(f"ticketwalk:{queue}")
    message = Mock(headers={SHARE_HEADER: share_of("stormy", queue)})
    consumer = object.__new__(StrictConsumer)
    consumer.app = app
    with patch.multiple(
        Consumer, on_unknown_task=DEFAULT, on_invalid_task=DEFAULT, create_task_handler=DEFAULT
    ):
        if refused == "malformed":
            consumer.connection_errors = ()
            consumer.create_task_handler()(message)
        else:
            getattr(consumer, refused)(b"", message, KeyError("unknown"))
    assert [command for _, command in standing(client, queue)] == [1, 2, 3, 4]


def test_a_redis_that_is_too_old_is_told_to_who_asks(home):
    asked = Shares(home.redis_url)
    asked.ensure_supported()
    refusal = ResponseError("unknown command 'LPOS'")
    with (
        patch.object(redis.Redis, "execute_command", side_effect=refusal),
        pytest.raises(TicketwalkError, match=r"Redis 6\.0\.6"),
    ):
        asked.ensure_supported()


@pytest.mark.parametrize("broker", ["redis+socket:///nowhere/redis.sock", "amqp://broker"])
def test_without_redis_nothing_is_held_up(broker):
    gone = Shares(broker)
    gone.let_in("commands:account")
    if broker.startswith("amqp"):
        assert gone.room_again("commands:account") == AGAIN_LIMIT
    else:
        with pytest.raises(RedisConnectionError):
            gone.room_again("commands:account")


@pytest.mark.parametrize(
    "headers", [None, {}, {SHARE_HEADER: None}, {SHARE_HEADER: 7}, {SHARE_HEADER: "none"}]
)
def test_a_header_of_another_shape_names_no_share(headers):
    assert share_in(headers) is None


def test_a_message_that_names_the_share_of_another_queue_goes_where_it_was_sent(client, app, queue):
    share = share_of("stormy", f"other-{queue}")
    for number in range(PLACES + 1):
        app.send_task(
            "step.record", kwargs={"command_id": number}, queue=queue, headers={SHARE_HEADER: share}
        )
    assert len(standing(client, queue)) == PLACES + 1


def does_nothing() -> dict[str, str]:
    return {"outcome": "applied"}


def begin(app: Celery, share: str) -> object:
    """Run a task as a worker does that has received this message."""
    task = app.task(base=WalkTask, name="test.task", shared=False)(does_nothing)
    task.push_request(id=uuid4().hex, headers={SHARE_HEADER: share})
    return task()


def sends(client: redis.Redis, publisher: CeleryPublisher, hint: Hint) -> int:
    """Publish it, and return how many messages that has added."""

    def count() -> int:
        found = [
            key for name in ("fresh", "repeated") for key in client.keys(f"ticketwalk:{name}:{hint.queue}*")
        ]
        return len(client.lrange(f"ticketwalk:{hint.queue}", 0, -1)) + sum(map(client.llen, found))

    before = count()
    publisher.publish([hint])
    return count() - before


def hint(queue: str, account: str, number: int) -> Hint:
    return Hint("step.record", {"command_id": number, "account_id": account}, queue=queue)


def of_lane(queue: str, account: str, number: int) -> Hint:
    return replace(hint(queue, account, number), lane=f"lane-{queue}-{number}")


def again(queue: str, account: str, number: int) -> Hint:
    return replace(of_lane(queue, account, number), repeats=True)


def waiting(queue: str, account: str) -> str:
    return f"ticketwalk:fresh:{share_of(account, queue)}"


def standing(client: redis.Redis, queue: str) -> list[tuple[str, int]]:
    """Return the messages in the queue, by id and command, the next one first."""
    found = [json.loads(message) for message in reversed(client.lrange(f"ticketwalk:{queue}", 0, -1))]
    return [
        (message["headers"]["id"], json.loads(base64.b64decode(message["body"]))[1]["command_id"])
        for message in found
    ]
