"""Tasks that an engineer enqueues by hand, with a key, each one at least twice, through Celery alone.

A message in Redis is no promise (queue-facts, section 0), so like the engineer this looks whether its command
is filed, and enqueues it again with the same key if not.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from tests.chaos.plan import Event
from tests.chaos.servers import Servers
from tests.chaos.tally import Played, Tally

#: A command that is not filed after so many seconds is enqueued again.
PATIENCE_SECONDS = 4.0
#: Workers take the copies at the same time, so that they meet at the ticket.
LEAST_COPIES = 2
#: Wait between two looks, in seconds.
LOOK_SECONDS = 0.25


class HandSender:
    """Enqueues tasks by name, knowing nothing of the service but its public contract."""

    def __init__(self, broker_url: str, servers: Servers, tally: Tally, gave_up: threading.Event) -> None:
        self._app = Celery(broker=broker_url)
        self._app.conf.update(
            broker_transport_options={
                "global_keyprefix": "ticketwalk:",
                "socket_timeout": 5,
                "socket_connect_timeout": 2,
            },
            broker_pool_limit=None,  # a pooled connection may be a half-open one
            task_publish_retry=False,
        )
        self._servers = servers
        self._tally = tally
        self._gave_up = gave_up

    def call(self, played: Played, event: Event, connection: str) -> None:
        """Enqueue it several times at once, and again until the command stands in the table."""
        task, arguments = _task_of(event, played.external_id, connection)
        copies = max(LEAST_COPIES, event.copies)
        self._tally.count("events")
        self._tally.count("duplicates", copies - 1)
        while not self._gave_up.is_set():
            for _ in range(copies):
                self._send(task, arguments)
            copies = 1
            if self.await_command(f"hand:{event.key}", seconds=PATIENCE_SECONDS):
                self._tally.acknowledge(played, event)
                return
            self._tally.count("enqueued again")

    def await_command(self, key: str, *, seconds: float) -> bool:
        """Return whether a command with this key is filed in time."""
        return self.wait_for(
            lambda: bool(self.rows("SELECT 1 FROM command WHERE key = %(key)s", key=key)), seconds
        )

    def session_of(self, ticket: str) -> str | None:
        """Return the session of a ticket's walk, where it has started and the tables can be looked at."""
        found = self.rows(
            "SELECT s.id::text FROM l1_walk_session s JOIN ticket t ON t.id = s.ticket_id "
            "WHERE t.external_id = %(ticket)s",
            ticket=ticket,
        )
        return found[0][0] if found else None

    def wait_for(self, look: Callable[[], bool], seconds: float) -> bool:
        """Return whether it came true in time."""
        deadline = time.monotonic() + seconds
        while not look():
            if time.monotonic() > deadline or self._gave_up.wait(LOOK_SECONDS):
                return False
        return True

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return what a query finds; nothing while PostgreSQL is away."""
        try:
            return self._servers.rows(query, **values)
        except psycopg.Error:
            return []

    def _send(self, task: str, arguments: Mapping[str, Any]) -> None:
        try:
            self._app.send_task(task, kwargs=dict(arguments), queue="commands", ignore_result=True)
        except (OperationalError, RedisError, OSError):
            self._tally.count("enqueueing failed")


def _task_of(event: Event, ticket: str, connection: str) -> tuple[str, Mapping[str, Any]]:
    """Return a task's name and its keywords."""
    data = dict(event.data)
    task = event.type
    if task == "session.start":
        task = f"session.start_{data.pop('kind')}"
    return task, {**data, "ticket_id": ticket, "connection": connection, "key": event.key}
