"""HaloPSA's refusals. Their shape is not published; `{message}` is one that clients were seen to read."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 400, 401, 403, 404


class RefusedError(Exception):
    """The simulated HaloPSA refuses a request."""

    def __init__(self, status: int, message: str, *, error: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.error = status, message, error

    def answer(self) -> JSONResponse:
        """OAuth's shape (RFC 6749, 5.2) where it is an OAuth error."""
        if self.error is not None:
            return JSONResponse({"error": self.error, "error_description": self.message}, self.status)
        return JSONResponse({"message": self.message}, self.status)


def missing(resource: str, record_id: object) -> RefusedError:
    return RefusedError(NOT_FOUND, f"{resource} {record_id} was not found")


def install(app: FastAPI) -> None:
    """Make every refusal of the app look like HaloPSA's."""

    @app.exception_handler(RefusedError)
    def refused(_request: Request, error: RefusedError) -> JSONResponse:
        return error.answer()

    @app.exception_handler(RequestValidationError)
    def misshapen(_request: Request, error: RequestValidationError) -> JSONResponse:
        said = "; ".join(f"{'.'.join(map(str, item['loc'][1:]))}: {item['msg']}" for item in error.errors())
        return RefusedError(BAD_REQUEST, said).answer()

    @app.exception_handler(HTTPException)
    def unrouted(_request: Request, error: HTTPException) -> JSONResponse:
        return RefusedError(error.status_code, str(error.detail)).answer()
