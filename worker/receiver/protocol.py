"""HTTP/1.1 as uvicorn speaks it, for strangers: whoever sends nothing, or nonsense, does not stay."""

import asyncio
from http import HTTPStatus

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from worker.receiver.problems import problem

#: A connection has this long to bring the whole head of its next request, in seconds; uvicorn waits for ever
#: (its own time-out ends with the first byte). Longer than its keep-alive time-out of 5 s.
HEAD_SECONDS = 10.0


class BoundedProtocol(H11Protocol):
    """One connection. It is being answered, which is bounded elsewhere, or awaited, which ends here."""

    #: Runs out while no request is being answered.
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Await the first request."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave no timer behind."""
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Take what has come; a whole head begins an answer."""
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Await the next request; the rest of a body that nobody wanted counts as waiting."""
        self._await_head()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; where an answer has begun already, end the connection."""
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.abort()
            return
        answer = problem(HTTPStatus.BAD_REQUEST, msg.rstrip("."))
        headers = [*answer.raw_headers, (b"connection", b"close")]
        events = (
            h11.Response(status_code=answer.status_code, headers=headers),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        )
        for event in events:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _await_head(self) -> None:
        self._stop_waiting()
        self._patience = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        # not close(): that would wait for a reader who does not read
        self.transport.abort()
