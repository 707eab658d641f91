"""Concurrent senders of signed webhooks: one connection each, a message again until it is accepted."""

import http.client
import json
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

from benchmarks.stage import STEP, BenchWalk
from integrations.standard.signature import secret_key, sign

SENDERS = 4
#: An answer later than this counts as none, in seconds.
ANSWER_SECONDS = 10.0
#: Wait before a message is sent again, and how often it is sent at most.
AGAIN_SECONDS = 0.2
TRIES = 50


@dataclass(frozen=True, slots=True)
class Sent:
    """What a burst came to: the time from first to last, and what each answer took, in seconds."""

    seconds: float
    answers: Sequence[float]
    refused: int

    @property
    def rate(self) -> float:
        """Return accepted deliveries per second."""
        return (len(self.answers) - self.refused) / self.seconds


def send_steps(url: str, secret: str, walks: Sequence[BenchWalk], per_walk: int) -> Sent:
    """Send so many steps of each walk, the walks shared out among the senders, in each walk's order."""
    shares = [walks[start::SENDERS] for start in range(SENDERS)]
    return _send_all(
        url, secret, [[_body(walk) for _ in range(per_walk) for walk in share] for share in shares]
    )


def send_saves(url: str, secret: str, walk: BenchWalk, saves: int, *, seconds: float) -> Sent:
    """Send so many saves of one walk's notes within this time, the senders by turns."""
    bodies = [_save(walk, revision) for revision in range(1, saves + 1)]
    shares = [bodies[start::SENDERS] for start in range(SENDERS)]
    return _send_all(url, secret, shares, pace=seconds * SENDERS / saves)


def _send_all(url: str, secret: str, shares: Sequence[Sequence[bytes]], *, pace: float = 0) -> Sent:
    together = threading.Barrier(SENDERS + 1)
    with ThreadPoolExecutor(SENDERS) as pool:
        done = [pool.submit(_send, url, secret, share, together, pace) for share in shares]
        together.wait()
        began = time.perf_counter()
        results = [future.result() for future in done]
        seconds = time.perf_counter() - began
    answers = [answer for of_sender, _ in results for answer in of_sender]
    return Sent(seconds, answers, sum(refused for _, refused in results))


def _save(walk: BenchWalk, revision: int) -> bytes:
    data = {"session_id": str(walk.session_id), "notes": [{"text": str(revision)}], "revision": revision}
    return json.dumps({"type": "notes.save", "data": data}).encode()


def _body(walk: BenchWalk) -> bytes:
    return json.dumps({"type": "step.record", "data": {"ticket_id": walk.ticket, **STEP}}).encode()


def _send(
    url: str, secret: str, bodies: Sequence[bytes], together: threading.Barrier, pace: float
) -> tuple[list[float], int]:
    """Send one after another, each no sooner than `pace` seconds after the one before it was due."""
    parts, key, answers, refused = urlsplit(url), secret_key(secret), [], 0
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS)
    together.wait()
    due = time.monotonic()
    for body in bodies:
        threading.Event().wait(max(0.0, due - time.monotonic()))
        due += pace
        message_id = f"msg_{uuid4().hex}"
        for _ in range(TRIES):
            headers = _headers(key, message_id, body)
            began = time.perf_counter()
            status = _post(connection, parts.path, body, headers)
            answers.append(time.perf_counter() - began)
            if status == http.client.ACCEPTED:
                break
            refused += 1
            threading.Event().wait(AGAIN_SECONDS)
        else:
            raise RuntimeError(f"{url} does not accept: {status}")
    connection.close()
    return answers, refused


def _post(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: Mapping[str, str]
) -> int | str:
    """Return the status, or why there was none."""
    try:
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return type(error).__name__
    return answer.status


def _headers(key: bytes, message_id: str, body: bytes) -> dict[str, str]:
    timestamp = str(int(time.time()))
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(key, message_id, timestamp, body),
    }
