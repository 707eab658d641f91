"""Processor time of processes and all they have started: a busy neighbour slows a clock, not this."""

from collections.abc import Iterable
from contextlib import suppress

import psutil

from worker.runtime.home import Home


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the processor seconds of these processes, their children, and the children that have ended."""
    return sum(_tree_seconds(pid) for pid in pids)


def server_pids(home: Home) -> dict[str, int]:
    """Return the main processes of the embedded servers."""
    return {
        "postgres": int((home.postgres_data / "postmaster.pid").read_text().split()[0]),
        "redis": int((home.run / "redis.pid").read_text()),
    }


def _tree_seconds(pid: int) -> float:
    seconds = 0.0
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                seconds += sum(process.cpu_times()[:4])  # user, system, and both of ended children
    return seconds
