"""Read a request's raw bytes: bounded in size and time, JSON only."""

import asyncio
from http import HTTPStatus

from fastapi import Request
from starlette.requests import ClientDisconnect

from worker.receiver.problems import ProblemError

#: Largest body, in bytes. PSAs send a few kilobytes; notes.save up to 256 KiB.
MAX_BODY_BYTES = 1024 * 1024
#: A sender has this long to send its body, in seconds; a slower one holds a connection for nothing.
BODY_SECONDS = 10.0


def check_head(request: Request) -> None:
    """Answer 415 for another content type and 413 for a declared length over the limit."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json")
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        raise _too_large()


async def read_body(request: Request) -> bytes:
    """Return the raw bytes. Answers 413 over the limit, 408 when too slow, 400 where the sender went away."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _collect(request)
    except TimeoutError:
        raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive in time") from None
    except ClientDisconnect:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body did not arrive whole") from None


async def _collect(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise _too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large() -> ProblemError:
    return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over {MAX_BODY_BYTES} bytes")
