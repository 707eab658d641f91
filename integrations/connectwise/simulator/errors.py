"""ConnectWise's error answers: `{code, message, errors: [{code, message, resource, field}]}`."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

BAD_REQUEST, UNAUTHORIZED, NOT_FOUND = 400, 401, 404


class RefusedError(Exception):
    """The simulated ConnectWise refuses a request."""

    def __init__(self, status: int, code: str, message: str, errors: tuple[dict[str, Any], ...] = ()) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.errors = status, code, message, errors

    def answer(self) -> JSONResponse:
        body = {"code": self.code, "message": self.message, "errors": list(self.errors) or None}
        return JSONResponse(body, status_code=self.status)


def invalid(resource: str, *problems: tuple[str, str, str]) -> RefusedError:
    """Return a 400 InvalidObject; each problem is (field, code, message)."""
    errors = tuple(
        {"code": code, "message": message, "resource": resource, "field": field}
        for field, code, message in problems
    )
    return RefusedError(BAD_REQUEST, "InvalidObject", f"{resource} object is invalid", errors)


def missing(resource: str, record_id: object) -> RefusedError:
    return RefusedError(NOT_FOUND, "NotFound", f"{resource} {record_id} not found")


def install(app: FastAPI) -> None:
    """Make every refusal of the app look like ConnectWise's."""

    @app.exception_handler(RefusedError)
    def refused(_request: Request, error: RefusedError) -> JSONResponse:
        return error.answer()

    @app.exception_handler(RequestValidationError)
    def misshapen(_request: Request, error: RequestValidationError) -> JSONResponse:
        return invalid(
            "record", *(_problem(item["loc"][1:], item["msg"]) for item in error.errors())
        ).answer()

    @app.exception_handler(ValidationError)
    def unfit(_request: Request, error: ValidationError) -> JSONResponse:
        return invalid("record", *(_problem(item["loc"], item["msg"]) for item in error.errors())).answer()

    @app.exception_handler(HTTPException)
    def unrouted(_request: Request, error: HTTPException) -> JSONResponse:
        message = "The endpoint does not exist." if error.status_code == NOT_FOUND else str(error.detail)
        return RefusedError(error.status_code, "ConnectWiseApi", message).answer()


def _problem(place: Sequence[Any], message: str) -> tuple[str, str, str]:
    return ".".join(str(part) for part in place), "InvalidField", message
