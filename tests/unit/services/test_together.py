"""Saves that come at the same time share a transaction; one that cannot be written fails alone."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from worker.errors import StoreUnavailableError
from worker.services.notes.saves import Save, Saved
from worker.services.notes.together import BATCH_LIMIT, Together

PATIENCE_SECONDS = 10
MINE, OTHER = uuid4(), uuid4()
NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Store:
    """Keeps its batches; holds the first one until it is let go, so that others gather meanwhile."""

    def __init__(self, fails: Callable[[list[int]], BaseException | None] = lambda _: None) -> None:
        self.batches: list[tuple[UUID, list[int]]] = []
        self.begun = threading.Event()
        self.go = threading.Event()
        self.fails = fails

    def __call__(self, account_id: UUID, saves: Sequence[Save]) -> list[Saved | None]:
        revisions = [save.revision for save in saves]
        self.batches.append((account_id, revisions))
        if len(self.batches) == 1:
            self.begun.set()
            assert self.go.wait(PATIENCE_SECONDS)
        if (error := self.fails(revisions)) is not None:
            raise error
        return [Saved(save.session_id, save.revision, NOW) for save in saves]


def add_all(
    together: Together, store: Store, accounts: Sequence[UUID], revision: Callable[[int], int] = int
) -> list[Any]:
    """Add saves numbered from 0, all but the first while that one is written. Return results or errors."""
    results: list[Any] = [None] * len(accounts)

    def add(number: int) -> None:
        try:
            results[number] = together.add(accounts[number], Save(uuid4(), revision(number), []), store)
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            results[number] = error

    threads = [threading.Thread(target=add, args=(number,)) for number in range(len(accounts))]
    threads[0].start()
    assert store.begun.wait(PATIENCE_SECONDS)
    pause = threading.Event()
    for number, thread in enumerate(threads[1:], 1):
        thread.start()
        while len(together._waiting) < number:  # so that they stand in this order
            pause.wait(0.001)
    store.go.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive(), "a thread hangs"
    return results


def test_what_waits_while_one_batch_is_written_makes_the_next_one():
    store = Store()
    results = add_all(Together(), store, [MINE] * 6)
    assert [result.revision for result in results] == [0, 1, 2, 3, 4, 5]
    assert store.batches == [(MINE, [0]), (MINE, [1, 2, 3, 4, 5])]


def test_saves_that_come_together_are_in_the_order_of_their_revisions():
    store = Store()
    add_all(Together(), store, [MINE] * 4, revision=lambda number: 10 - number)
    assert store.batches == [(MINE, [10]), (MINE, [7, 8, 9])]


def test_a_batch_is_bounded():
    store = Store()
    add_all(Together(), store, [MINE] * (BATCH_LIMIT + 2))
    assert [len(revisions) for _, revisions in store.batches] == [1, BATCH_LIMIT, 1]


def test_accounts_never_share_a_transaction_and_the_oldest_comes_first():
    store = Store()
    add_all(Together(), store, [MINE, OTHER, MINE, OTHER])
    assert store.batches == [(MINE, [0]), (OTHER, [1, 3]), (MINE, [2])]


def test_one_save_that_cannot_be_written_fails_alone():
    store = Store(lambda revisions: ValueError() if 2 in revisions else None)
    results = add_all(Together(), store, [MINE] * 4)
    assert [type(result) for result in results] == [Saved, Saved, ValueError, Saved]


def test_an_unavailable_store_fails_everybody_at_once():
    store = Store(lambda revisions: StoreUnavailableError("away") if len(revisions) > 1 else None)
    results = add_all(Together(), store, [MINE] * 5)
    assert [type(result) for result in results] == [Saved] + [StoreUnavailableError] * 4
    assert len(store.batches) == 2


def test_a_store_that_goes_away_among_them_is_not_asked_for_each():
    def fails(revisions: list[int]) -> Exception | None:
        if len(revisions) > 1:
            return ValueError()
        return StoreUnavailableError("away") if revisions[0] >= 2 else None

    store = Store(fails)
    results = add_all(Together(), store, [MINE] * 6)
    assert [type(result) for result in results] == [Saved] * 2 + [StoreUnavailableError] * 4
    assert store.batches[1:] == [(MINE, [1, 2, 3, 4, 5]), (MINE, [1]), (MINE, [2])]


def test_who_writes_for_others_and_is_ended_tells_them():
    store = Store(lambda revisions: SystemExit() if len(revisions) > 1 else None)
    results = add_all(Together(), store, [MINE] * 3)
    assert [type(result) for result in results] == [Saved, SystemExit, SystemExit]


def test_who_is_interrupted_before_its_turn_leaves_nothing_behind():
    together, store = Together(), Store()
    store.go.set()

    class InterruptedLock:
        def __enter__(self) -> None:
            raise KeyboardInterrupt

        def __exit__(self, *_: object) -> None:
            raise AssertionError

    whole, together._writing = together._writing, InterruptedLock()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        together.add(MINE, Save(uuid4(), 1, []), store)
    together._writing = whole
    assert together.add(MINE, Save(uuid4(), 2, []), store) is not None
    assert store.batches == [(MINE, [2])]
