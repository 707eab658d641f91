"""Bad messages in a queue: each is refused, logged without its content and gone; the worker goes on."""

import base64
import json
import pickle
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from tests.acceptance.canaries import WORDS
from tests.acceptance.tools import wait_for
from worker.demo.service import RunningService
from worker.runtime.home import Home

#: Planted in each message; must be seen nowhere.
PRIVATE = WORDS
CALL = json.dumps([[], {}, {}]).encode()
QUEUE = "ticketwalk:commands"


def message(body: bytes = CALL, **parts: Any) -> bytes:
    """Return a task message as kombu keeps it in a list. `headers` and `properties` are added or replaced."""
    headers = {"lang": "py", "task": "maintenance.canary", "id": str(uuid4()), "argsrepr": PRIVATE}
    properties: dict[str, Any] = {
        "correlation_id": str(uuid4()),
        "delivery_info": {"exchange": "", "routing_key": "commands"},
        "delivery_tag": str(uuid4()),
        "body_encoding": "base64",
    }
    envelope: dict[str, Any] = {
        "body": base64.b64encode(body).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": properties,
    }
    for name, value in parts.items():
        if isinstance(value, dict):
            envelope[name] = {**envelope[name], **value}
        else:
            envelope[name.replace("_", "-")] = value
    return json.dumps(envelope).encode()


def call(task: str, **arguments: Any) -> bytes:
    return message(json.dumps([[], arguments, {}]).encode(), headers={"task": task})


#: Packed, some kilobytes; unpacked, 200 MB.
BOMB = zlib.compress(b"[" + b"1," * 100_000_000 + b"1]")

REFUSED = {
    "a pickle": message(pickle.dumps(([], {}, {})), content_type="application/x-python-serialize"),
    "another encoding": message(content_encoding="utf-16"),
    "garbage": message(PRIVATE.encode()),
    "bytes": message(b"\xff\xfe"),
    "an object": message(json.dumps({"a": PRIVATE}).encode()),
    "two of three parts": message(b"[[], {}]"),
    "texts for parts": message(json.dumps([PRIVATE] * 3).encode()),
    "a list of keywords": message(json.dumps([[], [PRIVATE], {}]).encode()),
    "a workflow": message(json.dumps([[], {}, {"callbacks": [PRIVATE]}]).encode()),
    "deep": message(b"[" * 100_000 + b"]" * 100_000),
    "ten megabytes": message(b'"' + PRIVATE.encode() * 400_000 + b'"'),
    "no headers": message(headers=None),
    "headers that are a text": message(headers=PRIVATE),
    "a task that is a list": message(headers={"task": [PRIVATE]}),
    "an id that is an object": message(headers={"id": {PRIVATE: 1}}),
    "no id": message(headers={"id": None}),
    "no moment": message(headers={"eta": PRIVATE}),
    "no end": message(headers={"expires": [PRIVATE]}),
    "no limit": message(headers={"timelimit": PRIVATE}),
    "no number": message(headers={"retries": PRIVATE}),
    "packed": message(BOMB, headers={"compression": "application/x-gzip"}),
    "packed in another way": message(headers={"compression": PRIVATE}),
    "no properties": message(properties=None),
    "a tag that is an object": message(properties={"delivery_tag": {PRIVATE: 1}}),
    "delivery info that is a list": message(properties={"delivery_info": [PRIVATE]}),
    "another body encoding": message(properties={"body_encoding": PRIVATE}),
    "no JSON at all": PRIVATE.encode(),
    "a list": b"[1]",
    "a number": b"5",
    "nothing": b"",
    "no text": b"\xff\xfe\x00",
    "deep from the start": b"[" * 200_000,
}
#: Of the right shape; the task itself refuses them.
ANSWERED = {
    "unknown arguments": call("session.resolve", command_id=1, more=PRIVATE),
    "a text for an id": call("session.resolve", command_id=PRIVATE),
    "an id beyond 64 bits": call("session.resolve", command_id=10**30),
    "a delivery that is a text": call("delivery.interpret", delivery_id=PRIVATE),
    "a delivery that is an object": call("delivery.interpret", delivery_id={"a": PRIVATE}),
    "a delivery beyond 64 bits": call("delivery.interpret", delivery_id=2**63),
    "an entry below zero": call("psa.push", outbox_id=-1),
    "an entry that is a truth": call("psa.push", outbox_id=True),
    "a session that is an object": call("notes.flush", session={"a": PRIVATE}),
    "an account that is a list": call("notes.flush", account_id=[PRIVATE]),
    "a lane that is an object": message(headers={"task": "psa.push", "ticketwalk_lane": {PRIVATE: 1}}),
}
UNKNOWN = message(headers={"task": "no.such"})


@pytest.fixture
def redis(service: RunningService) -> Iterator[Redis]:
    home = Home(Path(service.environment["TICKETWALK_HOME"]))
    with Redis(unix_socket_path=str(home.redis_socket)) as connection:
        yield connection


def test_bad_messages_are_refused_without_their_content_and_the_worker_goes_on(service, redis, short_path):
    log = short_path / "service.log"
    before = log.stat().st_size

    redis.lpush(QUEUE, *REFUSED.values(), *ANSWERED.values(), UNKNOWN)

    # a message behind them all comes through the same queue
    done = service.run("enqueue", "maintenance.canary", "--queue", "commands", "--wait")
    assert done["outcome"] == "applied"
    wait_for("the acknowledgement of all", lambda: redis.hlen("ticketwalk:unacked") == 0)
    assert redis.llen(QUEUE) == 0
    said = log.read_bytes()[before:].decode()
    assert said.count('"event": "message refused"') == len(REFUSED)
    assert said.count('"outcome": "refused"') == len(ANSWERED)
    assert said.count("Received unregistered task of type 'no.such'") == 1
    assert PRIVATE not in said
    assert "starting it again" not in said
    assert "Traceback" not in said
