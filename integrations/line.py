"""One TCP connection to an address that was checked, cut off when its time is over."""

import socket
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError


class Line:
    """Connects to the given addresses and nowhere else; hangs up when `total_seconds` have passed.

    Left alone, urllib3 resolves the host name again, and whoever serves the name may answer with a private
    address the second time (DNS rebinding). And it bounds each silence, not the whole: a server that drips
    its header one byte at a time would hold a worker for ever.
    """

    def __init__(self, addresses: Sequence[str], *, connect_seconds: float, deadline: float) -> None:
        self.connected = False
        self.expired = False
        self._addresses = addresses
        self._connect_seconds = connect_seconds
        self._deadline = deadline
        self._twin: socket.socket | None = None
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer.join()
        if self._twin:
            self._twin.close()

    def connect(self, asking: HTTPConnection, port: int) -> socket.socket:
        """Return a connection to the first address that takes one. Raises urllib3's errors."""
        failure: OSError | None = None
        for address in self._addresses:
            try:
                made = self._connect_to(address, port)
            except OSError as error:
                failure = error
                continue
            self._watch(made)
            return made
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(asking, "no connection in time") from failure
        raise NewConnectionError(asking, "no connection") from failure

    def _connect_to(self, address: str, port: int) -> socket.socket:
        made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            made.settimeout(min(self._connect_seconds, self._remaining()))
            # as urllib3 does: a body must not wait for the acknowledgement of its header
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.connect((address, port))
        except BaseException:
            made.close()
            raise
        return made

    def _remaining(self) -> float:
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def _watch(self, made: socket.socket) -> None:
        """TLS takes the socket's descriptor over, so that only a second one reaches the connection."""
        self.connected = True
        self._twin = made.dup()
        self._timer = threading.Timer(max(self._deadline - time.monotonic(), 0), self._hang_up)
        self._timer.daemon = True
        self._timer.start()

    def _hang_up(self) -> None:
        self.expired = True
        if self._twin:
            try:
                self._twin.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # the other side was faster


class PinnedConnection(HTTPConnection):
    """HTTP over a Line. The Host header keeps the name of the URL."""

    def __init__(self, *args: Any, line: Line, **options: Any) -> None:
        super().__init__(*args, **options)
        self._line = line

    def _new_conn(self) -> socket.socket:
        return self._line.connect(self, self.port)


class PinnedTlsConnection(HTTPSConnection):
    """HTTPS over a Line. SNI, the check of the certificate and the Host header keep the name of the URL."""

    def __init__(self, *args: Any, line: Line, **options: Any) -> None:
        super().__init__(*args, **options)
        self._line = line

    def _new_conn(self) -> socket.socket:
        return self._line.connect(self, self.port)
