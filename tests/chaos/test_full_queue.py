"""The sweep does not bury a queue whose workers are behind; what is new is sent all the same."""

from uuid import uuid4

import pytest
import redis
from celery import Celery

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
    app.conf.broker_transport_options = {"global_keyprefix": "ticketwalk:"}
    yield CeleryPublisher(app)
    app.close()


@pytest.mark.parametrize(
    ("waiting", "repeats", "sent"),
    [(0, True, 1), (FULL_QUEUE - 1, True, 1), (FULL_QUEUE, True, 0), (FULL_QUEUE, False, 1)],
)
def test_a_repeated_hint_is_sent_only_where_the_queue_has_room(client, publisher, waiting, repeats, sent):
    name = f"queue-{uuid4().hex}"
    key = f"ticketwalk:{name}"
    if waiting:
        client.rpush(key, *["{}"] * waiting)
    publisher.publish([Hint("step.record", {"command_id": 1}, queue=name, repeats=repeats)])
    assert client.llen(key) == waiting + sent
    client.delete(key)
