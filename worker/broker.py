"""What a worker takes from the broker: messages of the shape that this service sends, and no others.

Celery ends its worker over some malformed messages and takes them again after the restart. Here each is
logged by what is wrong with it, never by what is in it, and is gone.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import structlog
from celery.utils.log import get_logger
from celery.worker.consumer import Consumer
from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from kombu.utils.json import dumps
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from redis.exceptions import DataError

from integrations.errors import PayloadError
from integrations.payload import json_value
from worker.shares import AGAIN_HEADER, Coming, let_in, queue_of, share_in, shares
from worker.wakes import LANE_HEADER

log = structlog.get_logger()

#: Bytes. The largest message is notes by hand: 256 KiB of UTF-8, at most three times that as escaped JSON.
MAX_BODY_BYTES = 1024 * 1024
#: Seconds between two tries to reach a broker that is away. Celery's own pauses grow from 2 to 30 s, so that
#: a worker would stay away for half a minute more after an outage of a few.
RECONNECT_SECONDS = 1.0

_Moment = Annotated[str, Field(max_length=64), AfterValidator(datetime.fromisoformat)]
_Name = Annotated[str, Field(min_length=1, max_length=255)]


class _Head(BaseModel):
    """The headers of a task message that Celery works with (protocol 2); it checks none of them itself."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    task: _Name
    id: _Name
    eta: _Moment | None = None
    expires: _Moment | None = None
    timelimit: Annotated[list[float | None], Field(min_length=2, max_length=2)] | None = None
    retries: Annotated[int, Field(ge=0)] | None = None
    root_id: _Name | None = None
    parent_id: _Name | None = None
    group: _Name | None = None
    group_index: int | None = None
    shadow: _Name | None = None
    origin: str | None = None
    argsrepr: str | None = None
    kwargsrepr: str | None = None
    ignore_result: bool | None = None
    replaced_task_nesting: int | None = None
    stamped_headers: list[str] | None = None
    stamps: dict[str, Any] | None = None


def flaw(message: Any) -> str | None:
    """Return what is wrong with a message, without a word of it; None where it may be taken."""
    if message.content_type != "application/json" or message.content_encoding not in {"utf-8", "UTF-8"}:
        return "it is not JSON in UTF-8"
    body = message.body if isinstance(message.body, bytes) else str(message.body).encode(errors="replace")
    if len(body) > MAX_BODY_BYTES:
        return f"its body is over {MAX_BODY_BYTES} bytes"
    if not isinstance(message.properties, dict) or not isinstance(message.delivery_info, dict | None):
        return "its properties are malformed"
    return _flaw_of_head(message.headers) or _flaw_of_body(body)


def _flaw_of_head(headers: Any) -> str | None:
    try:
        _Head.model_validate(headers)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return f"its header {first['loc'][0]} is malformed" if first["loc"] else "its headers are malformed"
    return None


def _flaw_of_body(body: bytes) -> str | None:
    try:
        call = json_value(body)
    except PayloadError as error:
        return str(error)
    match call:
        case [list(), dict(), dict() as workflow] if not any(workflow.values()):
            return None
        case [list(), dict(), dict()]:
            return "it belongs to a workflow, and this service has none"
    return "its body is not that of a call"


class StrictConsumer(Consumer):  # type: ignore[misc] # Celery is untyped
    """A worker's consumer that refuses what is malformed before Celery reads it, and is soon back after an
    outage. Named in `celeryconfig`.
    """

    def ensure_connected(self, conn: Any) -> Any:
        """Return the connection once the broker answers. Celery offers no setting for the pauses."""
        conn.ensure_connection = partial(
            conn.ensure_connection,
            interval_start=RECONNECT_SECONDS,
            interval_step=0,
            interval_max=RECONNECT_SECONDS,
        )
        return super().ensure_connected(conn)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """Return what is called with each message."""
        receive = super().create_task_handler(*args, **kwargs)

        def on_message(message: Any) -> None:
            reason = flaw(message)
            if reason is None:
                receive(message)
                return
            log.error("message refused", reason=reason)
            # not put back: it would come again for ever
            message.reject_log_error(get_logger(__name__), self.connection_errors)
            self._let_in_next(message)

        return on_message

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Reject a task of another version, as Celery does; no task begins that would let the next one in."""
        super().on_unknown_task(body, message, exc)
        self._let_in_next(message)

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Reject a call that no task can be made of, as Celery does."""
        super().on_invalid_task(body, message, exc)
        self._let_in_next(message)

    def _let_in_next(self, message: Any) -> None:
        share = share_in(message.headers)
        if share is not None:
            shares(self.app.conf.broker_url).let_in(share)


class StrictMessage(virtual.Message):  # type: ignore[misc] # kombu is untyped
    """A message that is not unpacked: none of ours is packed, and a small one may hold gigabytes."""

    def __init__(self, payload: Any, channel: Any = None, **kwargs: Any) -> None:
        if (payload.get("headers") or {}).get("compression") is not None:
            raise ValueError("a message is packed")
        super().__init__(payload, channel, **kwargs)


class StrictChannel(redis.Channel):  # type: ignore[misc] # kombu is untyped
    """A channel that outlives an item of a queue that is no message at all, and deals with shares."""

    Message = StrictMessage

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        """Put a message of an account into its share of the queue, any other at the queue's end."""
        headers = message.get("headers") or {}
        share = share_in(headers)
        if share is None or queue_of(share) != queue:
            super()._put(queue, message, **kwargs)
            return
        with self.conn_or_acquire() as client:
            lane = str(headers.get(LANE_HEADER) or headers.get("id"))
            let_in(client, share, Coming(dumps(message), lane, again=headers.get(AGAIN_HEADER) is True))

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, DataError) as error:
            # it has been taken from the queue already
            log.error("message refused", reason="it is no message", error=type(error).__name__)  # noqa: TRY400
            return None


class StrictTransport(redis.Transport):  # type: ignore[misc] # kombu is untyped
    """kombu's Redis with that channel."""

    Channel = StrictChannel


def use_strict_transport() -> None:
    """Have every redis:// and rediss:// URL of this process lead to the strict transport."""
    path = f"{__name__}:{StrictTransport.__name__}"
    TRANSPORT_ALIASES.update(redis=path, rediss=path)
