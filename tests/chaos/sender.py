"""Sends signed webhooks as a real sender does: again and again until one is accepted."""

import http.client
import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from integrations.standard.signature import secret_key, sign
from tests.chaos.plan import Event
from tests.chaos.tally import Played, Tally

#: How long one answer is waited for, in seconds; the receiver answers within two or says 503.
ANSWER_SECONDS = 6.0
#: Waits between two tries, in seconds: short, so that a gap in a sequence stays far below its 30 s.
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 1.0
SUCCESS = range(200, 300)


class Sender:
    """One connection's sender; each thread keeps a connection of its own."""

    def __init__(self, url: str, secret: str, tally: Tally, gave_up: threading.Event) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path
        self._key = secret_key(secret)
        self._tally = tally
        self._gave_up = gave_up
        self._local = threading.local()

    def deliver(self, played: Played, event: Event) -> None:
        """Send until accepted, or until the run gives up."""
        self._tally.count("events")
        wait = FIRST_WAIT_SECONDS
        while not self.once(played, event):
            if self._gave_up.wait(wait):
                return
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)

    def again(self, played: Played, event: Event) -> None:
        """Send a copy, whatever becomes of it."""
        self._tally.count("duplicates")
        self.once(played, event)

    def once(self, played: Played, event: Event) -> bool:
        """Send once. Return whether it was accepted."""
        body = json.dumps({"type": event.type, "data": event.data}).encode()
        self._tally.count("requests")
        status = self._post(event.key, body)
        if status in SUCCESS:
            self._tally.acknowledge(played, event)
            return True
        self._tally.count(f"answer {status}")
        return False

    def _post(self, message_id: str, body: bytes) -> int | str:
        connection = getattr(self._local, "connection", None) or http.client.HTTPConnection(
            self._host, self._port, timeout=ANSWER_SECONDS
        )
        self._local.connection = connection
        try:
            connection.request("POST", self._path, body, dict(self._headers(message_id, body)))
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return type(error).__name__
        return answer.status

    def _headers(self, message_id: str, body: bytes) -> Mapping[str, str]:
        timestamp = str(int(datetime.now(UTC).timestamp()))
        return {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": sign(self._key, message_id, timestamp, body),
        }
