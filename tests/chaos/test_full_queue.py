"""What is sent to a queue whose workers are behind: new hints, and of the sweep what has room in front."""

import base64
import json
from dataclasses import replace
from uuid import uuid4

import pytest
import redis
from celery import Celery

import celeryconfig
from worker.db.unit_of_work import Hint
from worker.hints import FULL_QUEUE, CeleryPublisher

pytestmark = pytest.mark.integration


@pytest.fixture
def client(home):
    with redis.Redis(unix_socket_path=str(home.redis_socket)) as connected:
        yield connected


@pytest.fixture
def publisher(home):
    app = Celery(broker=home.redis_url, set_as_current=False)
    app.conf.broker_transport_options = celeryconfig.broker_transport_options
    yield CeleryPublisher(app)
    app.close()


def test_what_one_account_sends_beyond_its_share_is_taken_after_everybody_elses(client, publisher):
    name = f"queue-{uuid4().hex}"
    storm = [_hint(name, "stormy", number) for number in range(20)]
    publisher.publish(storm)
    publisher.publish([_hint(name, "other", 20)])
    in_front, behind = f"ticketwalk:{name}", f"ticketwalk:{name}\x06\x169"
    assert [_command(message) for message in reversed(client.lrange(in_front, 0, -1))] == [0, 1, 2, 3, 20]
    assert [_command(message) for message in reversed(client.lrange(behind, 0, -1))] == list(range(4, 20))
    client.delete(in_front, behind)


@pytest.mark.parametrize(("account", "sent"), [("other", 1), ("stormy", 0)])
def test_a_repeated_hint_finds_room_in_front_of_a_full_queue(client, publisher, account, sent):
    name = f"queue-{uuid4().hex}"
    publisher.publish([_hint(name, "stormy", number) for number in range(FULL_QUEUE)])
    assert _sends(client, publisher, replace(_hint(name, account, FULL_QUEUE), repeats=True)) == sent


@pytest.mark.parametrize(("repeats", "sent"), [(True, 0), (False, 1)])
def test_a_front_that_is_full_itself_takes_only_what_is_new(client, publisher, repeats, sent):
    name = f"queue-{uuid4().hex}"
    client.rpush(f"ticketwalk:{name}", *["{}"] * FULL_QUEUE)
    assert _sends(client, publisher, replace(_hint(name, "other", 1), repeats=repeats)) == sent


def test_a_repeated_hint_that_is_left_out_gives_its_lanes_flag_back(client, publisher):
    name = f"queue-{uuid4().hex}"
    hint = replace(_hint(name, "other", 1), repeats=True, lane=f"lane-{name}")
    client.rpush(f"ticketwalk:{name}", *["{}"] * FULL_QUEUE)
    assert _sends(client, publisher, hint) == 0
    assert _sends(client, publisher, hint) == 1


def _sends(client: redis.Redis, publisher: CeleryPublisher, hint: Hint) -> int:
    """Publish it, empty its queue, and return how many messages that has added."""
    lists = (f"ticketwalk:{hint.queue}", f"ticketwalk:{hint.queue}\x06\x169")
    before = sum(client.llen(name) for name in lists)
    publisher.publish([hint])
    added = sum(client.llen(name) for name in lists) - before
    client.delete(*lists)
    return added


def _hint(queue: str, account: str, number: int) -> Hint:
    return Hint("step.record", {"command_id": number, "account_id": f"{queue}-{account}"}, queue=queue)


def _command(message: bytes) -> int:
    body = json.loads(base64.b64decode(json.loads(message)["body"]))
    return int(body[1]["command_id"])
