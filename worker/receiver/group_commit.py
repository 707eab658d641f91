"""Concurrent deliveries share a commit: whoever waits while one batch is written makes the next one.

One commit per request was measured at 2.7 k requests/s, one for all that wait at 7.7 k, on 2 cores.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice

from worker.errors import StoreUnavailableError
from worker.services.intake import NewDelivery, Stored

#: Deliveries per commit; a body is at most 1 MiB, so a batch is bounded in memory too. Those of one body
#: stay together, so the last of a batch may go beyond.
BATCH_LIMIT = 100

Store = Callable[[Sequence[NewDelivery]], list[Stored]]
_Waiting = tuple[Sequence[NewDelivery], "asyncio.Future[list[Stored]]"]


class GroupCommit:
    """Stores deliveries batch by batch, one batch at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def add(self, deliveries: Sequence[NewDelivery]) -> list[Stored]:
        """Return once the deliveries of one body are durable, in one commit. Raises what storing raised."""
        future: asyncio.Future[list[Stored]] = asyncio.get_running_loop().create_future()
        self._waiting.append((deliveries, future))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return await future

    async def _write(self) -> None:
        while self._waiting:
            await self._write_batch(self._next_batch())

    def _next_batch(self) -> list[_Waiting]:
        taken = size = 0
        while taken < len(self._waiting) and size < BATCH_LIMIT:
            size += len(self._waiting[taken][0])
            taken += 1
        batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return batch

    async def _write_batch(self, batch: list[_Waiting]) -> None:
        try:
            stored = await asyncio.to_thread(self._store, [new for group, _ in batch for new in group])
        except StoreUnavailableError as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - one bad delivery may not fail those it shares a commit with
            if len(batch) == 1:
                _fail(batch, error)
                return
            for waiting in batch:
                await self._write_batch([waiting])
        else:
            results = iter(stored)
            for group, future in batch:
                of_group = list(islice(results, len(group)))
                if not future.done():
                    future.set_result(of_group)


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
