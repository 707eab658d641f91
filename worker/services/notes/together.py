"""Saves that arrive at the same time in one process share a transaction."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from uuid import UUID

from worker.services.notes.saves import Save, Saved

#: Saves per transaction; a document is at most 256 KiB.
BATCH_LIMIT = 100

#: Writes the saves of one account in one transaction; a result for each.
Write = Callable[[UUID, Sequence[Save]], list[Saved | None]]
_Waiting = tuple[UUID, Save, "Future[Saved | None]"]


class Together:
    """While one batch is written, whoever comes waits; the first of those writes the next one."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._list = threading.Lock()
        self._writing = threading.Lock()

    def add(self, account_id: UUID, save: Save, write: Write) -> Saved | None:
        """Return once the save is durable, None where it was left to its lane. Raises what writing raised."""
        mine: Future[Saved | None] = Future()
        with self._list:
            self._waiting.append((account_id, save, mine))
        with self._writing:
            while not mine.done():
                self._write(self._next_batch(), write)
        return mine.result()

    def _next_batch(self) -> list[_Waiting]:
        """Take the oldest waiting save and those of its account."""
        with self._list:
            account_id = self._waiting[0][0]
            batch = [waiting for waiting in self._waiting if waiting[0] == account_id][:BATCH_LIMIT]
            taken = {id(waiting) for waiting in batch}
            self._waiting = [waiting for waiting in self._waiting if id(waiting) not in taken]
        return batch

    def _write(self, batch: Sequence[_Waiting], write: Write) -> None:
        try:
            results = write(batch[0][0], [save for _, save, _ in batch])
        except Exception as error:  # noqa: BLE001 - one that cannot be written may not fail those beside it
            if len(batch) > 1:
                for waiting in batch:
                    self._write([waiting], write)
            else:
                batch[0][2].set_exception(error)
        else:
            for (_, _, future), result in zip(batch, results, strict=True):
                future.set_result(result)
