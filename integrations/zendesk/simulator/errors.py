"""Zendesk's error answers, as its API reference and integrators show them."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

BAD_REQUEST, UNAUTHORIZED, NOT_FOUND, UNPROCESSABLE = 400, 401, 404, 422


class RefusedError(Exception):
    """The simulated Zendesk refuses a request."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(str(body))
        self.status, self.body = status, body


def missing() -> RefusedError:
    return RefusedError(NOT_FOUND, {"error": "RecordNotFound", "description": "Not found"})


def invalid(field: str, description: str) -> RefusedError:
    details = {field: [{"description": description, "error": "InvalidValue"}]}
    body = {"error": "RecordInvalid", "description": "Record validation errors", "details": details}
    return RefusedError(UNPROCESSABLE, body)


def no_entry() -> RefusedError:
    return RefusedError(UNAUTHORIZED, {"error": "Couldn't authenticate you"})


def install(app: FastAPI) -> None:
    """Make every refusal of the app look like Zendesk's."""

    @app.exception_handler(RefusedError)
    def refused(_request: Request, error: RefusedError) -> JSONResponse:
        return JSONResponse(error.body, error.status)

    @app.exception_handler(RequestValidationError)
    @app.exception_handler(ValidationError)
    def misshapen(_request: Request, error: RequestValidationError | ValidationError) -> JSONResponse:
        item = error.errors()[0]
        place = [str(part) for part in item["loc"]]
        if place[:1] in (["path"], ["query"]):
            title = {"title": "Invalid attribute", "message": f"{place[-1]}: {item['msg']}"}
            return JSONResponse({"error": title}, BAD_REQUEST)
        return refused(_request, invalid(place[-1] if place else "base", item["msg"]))

    @app.exception_handler(HTTPException)
    def unrouted(_request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": "InvalidEndpoint", "description": str(error.detail)}, error.status_code)
