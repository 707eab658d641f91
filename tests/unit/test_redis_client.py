"""The quick client reads a broker's URL as kombu does, or they would look at two databases."""

import pytest

from worker.redis_client import quick_client


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis+socket:///run/redis.sock", {"path": "/run/redis.sock", "db": 0}),
        ("redis+socket:///run/redis.sock?virtual_host=3", {"path": "/run/redis.sock", "db": 3}),
        (
            "redis+socket://someone:p%40ss@/run/redis.sock?virtual_host=/3",
            {"path": "/run/redis.sock", "db": 3, "username": "someone", "password": "p@ss"},
        ),
        ("redis://someone:p%40ss@host/3", {"host": "host", "db": 3, "password": "p@ss"}),
    ],
)
def test_the_url_is_read_whole(url, expected):
    client = quick_client(url)
    assert client is not None
    found = client.connection_pool.connection_kwargs
    assert {name: found.get(name) for name in expected} == expected


def test_another_broker_has_none():
    assert quick_client("amqp://broker") is None
