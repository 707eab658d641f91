"""Signals as bytes in a socket, so that one `select` waits for them together with everything else."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: Of no meaning by itself; its arrival says that a child has ended.
WATCHED_SIGNALS = (*STOP_SIGNALS, signal.SIGCHLD)


@contextmanager
def signals_as_bytes() -> Iterator[socket.socket]:
    """Lead the watched signals into the socket for a while. For the main thread only."""
    receiver, sender = socket.socketpair()
    with receiver, sender:
        receiver.setblocking(False)
        sender.setblocking(False)
        before = {number: signal.signal(number, _nothing) for number in WATCHED_SIGNALS}
        descriptor_before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        try:
            yield receiver
        finally:
            signal.set_wakeup_fd(descriptor_before)
            for number, action in before.items():
                signal.signal(number, action)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Stand in for the default action; the byte in the socket says it all."""
