"""Concurrent deliveries share a commit; one bad one fails alone."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from integrations.ports import Event, EventKind
from worker.errors import StoreUnavailableError
from worker.receiver.group_commit import BATCH_LIMIT, GroupCommit
from worker.services.intake import NewDelivery, Stored


def delivery(key: str) -> NewDelivery:
    return NewDelivery(uuid4(), uuid4(), "", Event(EventKind.COMMAND, key), b"{}")


class Store:
    """Counts its batches; holds the first one until it is let go, so that others gather meanwhile."""

    def __init__(self, bad: str | None = None) -> None:
        self.batches: list[list[str]] = []
        self.begun = threading.Event()
        self.go = threading.Event()
        self.bad = bad

    def __call__(self, deliveries: Sequence[NewDelivery]) -> list[Stored]:
        keys = [each.event.dedupe_key for each in deliveries]
        self.batches.append(keys)
        if len(self.batches) == 1:
            self.begun.set()
            self.go.wait(10)
        if self.bad in keys:
            raise ValueError(self.bad)
        return [Stored(int(key), duplicate=False) for key in keys]


async def add_all(store: Store, count: int) -> list[Any]:
    commits = GroupCommit(store)
    first = asyncio.create_task(commits.add([delivery("0")]))
    await asyncio.to_thread(store.begun.wait, 10)
    others = [asyncio.create_task(commits.add([delivery(str(number))])) for number in range(1, count)]
    await asyncio.sleep(0)
    store.go.set()
    answers = await asyncio.gather(first, *others, return_exceptions=True)
    return [answer if isinstance(answer, BaseException) else answer[0] for answer in answers]


def test_what_waits_while_one_batch_is_written_makes_the_next_one():
    store = Store()
    results = asyncio.run(add_all(store, 6))
    assert [result.delivery_id for result in results] == [0, 1, 2, 3, 4, 5]
    assert store.batches == [["0"], ["1", "2", "3", "4", "5"]]


def test_a_batch_is_bounded():
    store = Store()
    asyncio.run(add_all(store, BATCH_LIMIT + 2))
    assert [len(batch) for batch in store.batches] == [1, BATCH_LIMIT, 1]


def test_deliveries_of_one_body_share_a_commit_and_get_their_own_answers():
    store = Store()

    async def run() -> list[list[Stored]]:
        commits = GroupCommit(store)
        first = asyncio.create_task(commits.add([delivery("0")]))
        await asyncio.to_thread(store.begun.wait, 10)
        several = [delivery(str(number)) for number in range(1, BATCH_LIMIT + 3)]
        others = [
            asyncio.create_task(commits.add(several)),
            asyncio.create_task(commits.add([delivery("7")])),
        ]
        await asyncio.sleep(0)
        store.go.set()
        return await asyncio.gather(first, *others)

    _, of_several, of_one = asyncio.run(run())
    assert [stored.delivery_id for stored in of_several] == list(range(1, BATCH_LIMIT + 3))
    assert [stored.delivery_id for stored in of_one] == [7]
    assert [len(batch) for batch in store.batches] == [1, BATCH_LIMIT + 2, 1]


def test_one_bad_delivery_fails_alone():
    store = Store(bad="2")
    results = asyncio.run(add_all(store, 4))
    assert isinstance(results[2], ValueError)
    assert [results[number].delivery_id for number in (0, 1, 3)] == [0, 1, 3]


def test_an_unavailable_store_fails_everybody_at_once():
    def away(_: Sequence[NewDelivery]) -> list[Stored]:
        raise StoreUnavailableError("away")

    async def run() -> None:
        await GroupCommit(away).add([delivery("1")])

    with pytest.raises(StoreUnavailableError):
        asyncio.run(run())
