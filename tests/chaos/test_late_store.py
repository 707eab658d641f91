"""A store that fails after the sender was answered is no error of the receiver."""

import asyncio
import gc
from typing import Any

import pytest

from integrations.standard import Standard
from worker.errors import StoreUnavailableError
from worker.receiver import webhooks
from worker.receiver.problems import ProblemError


def test_a_store_that_fails_after_its_time_is_answered_once_and_logged_by_nobody(monkeypatch):
    monkeypatch.setattr(webhooks, "STORE_SECONDS", 0.01)
    unseen: list[dict[str, Any]] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
        late = asyncio.Event()

        async def store() -> None:
            await late.wait()
            raise StoreUnavailableError("PostgreSQL does not answer")

        with pytest.raises(ProblemError) as refused:
            await webhooks._within(Standard(), store())
        assert refused.value.status == 503
        late.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(run())
    gc.collect()
    assert unseen == []
