"""Every error answer: RFC 9457 problem+json, one plain sentence, nothing secret."""

from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

#: Tells a sender when to try again after the store was away, in seconds (ConnectWise: 2, then 4).
RETRY_AFTER_SECONDS = 2


class ProblemError(Exception):
    """An answer other than success."""

    def __init__(self, status: int, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after = retry_after


def problem(status: int, detail: str, *, retry_after: int | None = None) -> JSONResponse:
    """Return an error answer; it names the request that it is about."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(
        body | structlog.contextvars.get_contextvars(),
        status_code=status,
        headers={"Retry-After": str(retry_after)} if retry_after is not None else None,
        media_type="application/problem+json",
    )


def answer_problems(app: FastAPI) -> None:
    """Answer every error of the app as problem+json; see `request_ids` for those that nobody expected."""

    @app.exception_handler(ProblemError)
    async def _known(_: Request, error: ProblemError) -> JSONResponse:
        return problem(error.status, error.detail, retry_after=error.retry_after)

    @app.exception_handler(HTTPException)
    async def _framework(_: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail))
