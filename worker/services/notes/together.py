"""Saves that arrive at the same time in one process share a transaction."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from uuid import UUID

from worker.errors import StoreUnavailableError
from worker.services.notes.saves import Save, Saved

#: Saves per transaction; a document is at most 256 KiB.
BATCH_LIMIT = 100

#: Writes the saves of one account in one transaction; a result for each.
Write = Callable[[UUID, Sequence[Save]], list[Saved | None]]


@dataclass(eq=False, slots=True)
class _Waiting:
    account_id: UUID
    save: Save
    answer: "Future[Saved | None]" = field(default_factory=Future)


class Together:
    """While one batch is written, whoever comes waits; the first of those writes the next one."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._list = threading.Lock()
        self._writing = threading.Lock()

    def add(self, account_id: UUID, save: Save, write: Write) -> Saved | None:
        """Return once the save is durable, None where it was left to its lane. Raises what writing raised."""
        mine = _Waiting(account_id, save)
        with self._list:
            self._waiting.append(mine)
        try:
            with self._writing:
                while not mine.answer.done():
                    _write(self._next_batch(), write)
        finally:
            self._leave(mine)
        return mine.answer.result()

    def _next_batch(self) -> list[_Waiting]:
        """Take the oldest waiting save and those of its account.

        They came at the same time, so the order of their revisions is as good as any, and refuses none.
        """
        with self._list:
            account_id = self._waiting[0].account_id
            batch = [waiting for waiting in self._waiting if waiting.account_id == account_id][:BATCH_LIMIT]
            self._waiting = [waiting for waiting in self._waiting if waiting not in batch]
        return sorted(batch, key=lambda waiting: waiting.save.revision)

    def _leave(self, mine: _Waiting) -> None:
        """Who was interrupted before its turn leaves nothing behind for the next one to write."""
        with self._list:
            if mine in self._waiting:
                self._waiting.remove(mine)


def _write(batch: Sequence[_Waiting], write: Write) -> None:
    try:
        results = write(batch[0].account_id, [waiting.save for waiting in batch])
    except Exception as error:  # noqa: BLE001 - one that cannot be written may not fail those beside it
        if len(batch) == 1 or isinstance(error, StoreUnavailableError):
            _fail(batch, error)
        else:
            _write_one_by_one(batch, write)
    except BaseException as error:
        # this thread ends; those that wait for it are told, since nobody else has their saves
        _fail(batch, error)
        raise
    else:
        for waiting, result in zip(batch, results, strict=True):
            waiting.answer.set_result(result)


def _write_one_by_one(batch: Sequence[_Waiting], write: Write) -> None:
    """Where the store goes away meanwhile, the rest is told so, instead of each finding out by itself."""
    for place, waiting in enumerate(batch):
        _write([waiting], write)
        error = waiting.answer.exception()
        if isinstance(error, StoreUnavailableError):
            _fail(batch[place + 1 :], error)
            return


def _fail(batch: Sequence[_Waiting], error: BaseException) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)
