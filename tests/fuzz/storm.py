"""Hostile requests for a receiver: none is authentic, so none may leave a trace but its answer."""

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse

from integrations.registry import PROVIDERS
from tests.fuzz.inputs import DICTIONARY, WEBHOOK_HEADERS, mutated, seeds

#: Requests under way at a time, each on a connection of its own.
SENDERS = 8
#: Seconds until an answer must have come; a connection that is ended unanswered is one too.
ANSWER_SECONDS = 20
#: One request in so many has a head that is no HTTP, or a body that is not as long as it says.
ODD_ONE_IN = 10

METHODS = ("POST",) * 12 + ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW")
CONTENT_TYPES = ("application/json",) * 8 + ("text/plain", "application/json; charset=utf-16", "x+json", "")
PATHS = ("/", "/healthz", "/docs", "/openapi.json", "/webhooks", "/webhooks/standard/x", "/%00", "/a" * 2_000)
TRACES = (b"Traceback", b'File "', b"psycopg", b"sqlalchemy")


@dataclass
class Tally:
    """What came back."""

    statuses: Counter[int] = field(default_factory=Counter)
    ended: int = 0
    bad: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many requests were sent."""
        return self.statuses.total() + self.ended


class Storm:
    """Sends until enough is sent or the time is over."""

    def __init__(self, port: int, targets: list[str], *, requests: int, seconds: float, seed: int) -> None:
        self.tally = Tally()
        self._port = port
        self._targets = targets
        self._requests = requests
        self._deadline = time.monotonic() + seconds
        self._seed = seed
        self._lock = threading.Lock()

    def run(self) -> Tally:
        """Return the tally once all have come back."""
        threads = [threading.Thread(target=self._send_all, args=(number,)) for number in range(SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.tally

    def _send_all(self, number: int) -> None:
        choice = random.Random(f"{self._seed}/{number}")  # noqa: S311 - repeatable, not secret
        connection: socket.socket | None = None
        for _ in self._turns():
            connection = connection or socket.create_connection(("127.0.0.1", self._port), ANSWER_SECONDS)
            if not self._send(connection, choice):
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _turns(self) -> Iterator[None]:
        while self.tally.total < self._requests and time.monotonic() < self._deadline:
            yield

    def _send(self, connection: socket.socket, choice: random.Random) -> bool:
        """Send one request. Return whether the connection can be used again."""
        odd = choice.randrange(ODD_ONE_IN) == 0
        request = hostile(choice, self._targets)
        try:
            connection.sendall(mutated(request, choice) if odd else request)
            if odd:
                connection.shutdown(socket.SHUT_WR)
            return self._take_answer(connection, request) and not odd
        except TimeoutError:
            self._note_bad(f"no answer to {request[:200]!r}")
        except (OSError, HTTPException):
            with self._lock:
                self.tally.ended += 1
        return False

    def _take_answer(self, connection: socket.socket, request: bytes) -> bool:
        method = request.partition(b" ")[0].decode("latin-1")
        with HTTPResponse(connection, method=method) as answer:
            answer.begin()
            body = answer.read()
            with self._lock:
                self.tally.statuses[answer.status] += 1
            # 501: a body that is sent in a way that HTTP has and nobody uses
            if (answer.status >= 500 and answer.status != 501) or any(trace in body for trace in TRACES):
                self._note_bad(f"{answer.status} to {request[:300]!r}: {body[:200]!r}")
            return not answer.will_close

    def _note_bad(self, sentence: str) -> None:
        with self._lock:
            self.tally.bad.append(sentence)


def hostile(choice: random.Random, targets: list[str]) -> bytes:
    """Return a request that is HTTP, and nearly a delivery."""
    kind = choice.choice((*PROVIDERS, "command", "json", "arguments"))
    *headers, body = mutated(choice.choice(seeds(kind)), choice).split(b"\x1e")
    path = choice.choice(targets) if choice.random() < 0.9 else choice.choice(PATHS)
    if choice.random() < 0.2:
        path += "/" + "".join(c for c in _word(choice).decode("latin-1") if "!" <= c <= "~")
    lines = [f"{choice.choice(METHODS)} {path} HTTP/1.1".encode(), b"Host: localhost"]
    lines.append(f"Content-Type: {choice.choice(CONTENT_TYPES)}".encode())
    names = (*map(str.encode, WEBHOOK_HEADERS), b"X-Request-ID")
    for name, value in zip(names, [*headers, _word(choice)], strict=False):
        lines.append(name + b": " + bytes(byte for byte in value if 0x20 <= byte < 0x7F).strip())
    lines.append(f"Content-Length: {len(body)}".encode())
    return b"\r\n".join([*lines, b"", body])


def _word(choice: random.Random) -> bytes:
    return choice.choice(DICTIONARY)[:60]
