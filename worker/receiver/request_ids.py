"""Every request has an id: in its answer, in its problem, and in each of its log lines."""

import re
from http import HTTPStatus
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from worker.logs import frames
from worker.receiver.problems import problem

log = structlog.get_logger()

HEADER = "x-request-id"
#: A sender's own id is taken where it can do no harm in a log or a header; any other is replaced.
WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class RequestIds:
    """Gives each request its id, and answers an error that nobody expected without a word of it.

    The outermost of our own layers: an error that came further would be logged with its text, which may hold
    what a stranger sent.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        has_begun = False

        async def send_with_id(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception as error:  # noqa: BLE001 - the last line before the server logs it with its text
                log.error("request failed", error=type(error).__name__, at=frames(error))  # noqa: TRY400
                if not has_begun:
                    failed = problem(
                        HTTPStatus.INTERNAL_SERVER_ERROR, "the receiver failed; nothing was stored"
                    )
                    await failed(scope, receive, send_with_id)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get(HEADER, "")
    return given if WELL_FORMED.fullmatch(given) else uuid4().hex
