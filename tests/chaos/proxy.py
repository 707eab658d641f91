"""A proxy that can be cut, between the service and one server: in a process of its own, for its speed.

Run as `python -m tests.chaos.proxy SOCKET`. It prints its port, then obeys one word per line on stdin:
`cut` closes every connection, `stale` makes those that stand half-open for ever (bytes are swallowed, the
sockets stay open), `silence` does so with new ones too, until `restore`.
"""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Self

#: The repository: where `tests.chaos` is found as a module.
ROOT = Path(__file__).resolve().parents[2]


class Side(asyncio.Protocol):
    """One end of a connection. What it hears goes to the other end, unless the connection is half-open."""

    def __init__(self, proxy: "Proxy") -> None:
        self.proxy = proxy
        self.other: Side | None = None
        self.transport: asyncio.Transport | None = None
        self.silent = False
        self.early = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.proxy.sides.add(self)

    def data_received(self, data: bytes) -> None:
        if self.silent:
            return
        if self.other is None or self.other.transport is None:
            self.early += data
        else:
            self.other.transport.write(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self.proxy.sides.discard(self)
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()


class Caller(Side):
    """The end that the service opened; it opens the one to the server."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.silent = self.proxy.silent
        if not self.silent:
            self.opening = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        assert self.transport is not None
        try:
            _, server = await loop.create_unix_connection(lambda: Side(self.proxy), self.proxy.target)
        except OSError:
            self.transport.abort()
            return
        assert server.transport is not None
        server.silent = self.silent
        server.other, self.other = self, server
        if self.early:
            server.transport.write(bytes(self.early))
            self.early.clear()
        if self.transport.is_closing():
            server.transport.close()


class Proxy:
    """All connections to one server."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.silent = False
        self.sides: set[Side] = set()

    def obey(self, word: str) -> None:
        """Do what the word says."""
        if word == "cut":
            for side in list(self.sides):
                if side.transport is not None:
                    side.transport.abort()
        elif word in {"stale", "silence"}:
            self.silent = word == "silence"
            for side in self.sides:
                side.silent = True
        elif word == "restore":
            self.silent = False


class RunningProxy:
    """The proxy's process, while the context is open."""

    def __init__(self, target: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.proxy", str(target)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            self._process.kill()

    def say(self, word: str) -> None:
        """Have the proxy obey a word."""
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()


async def _serve(target: str) -> None:
    proxy = Proxy(target)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Caller(proxy), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - the driver reads it
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():  # ends with the driver, however that ends
        proxy.obey(line.decode().strip())


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
