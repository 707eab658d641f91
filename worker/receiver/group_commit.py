"""Concurrent deliveries share a commit: whoever waits while one batch is written makes the next one.

One commit per request was measured at 2.7 k requests/s, one for all that wait at 7.7 k, on 2 cores.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context

from worker.errors import StoreUnavailableError
from worker.services.intake import NewDelivery, Stored

#: Deliveries per commit; a body is at most 1 MiB, so a batch is bounded in memory too.
BATCH_LIMIT = 100

Store = Callable[[Sequence[NewDelivery]], list[Stored]]
_Waiting = tuple[NewDelivery, "asyncio.Future[Stored]"]


class GroupCommit:
    """Stores deliveries batch by batch, one batch at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def add(self, delivery: NewDelivery) -> Stored:
        """Return once the delivery is durable. Raises what storing raised."""
        future: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, future))
        if self._writer is None or self._writer.done():
            # in no request's context: what is logged there is not of the request that happened to begin it
            self._writer = asyncio.create_task(self._write(), context=Context())
        return await future

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH_LIMIT], self._waiting[BATCH_LIMIT:]
            await self._write_batch(batch)

    async def _write_batch(self, batch: list[_Waiting]) -> None:
        try:
            stored = await asyncio.to_thread(self._store, [delivery for delivery, _ in batch])
        except StoreUnavailableError as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - one bad delivery may not fail those it shares a commit with
            if len(batch) == 1:
                _fail(batch, error)
                return
            for waiting in batch:
                await self._write_batch([waiting])
        else:
            for (_, future), result in zip(batch, stored, strict=True):
                if not future.done():
                    future.set_result(result)


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
