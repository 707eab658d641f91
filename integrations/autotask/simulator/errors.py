"""Autotask's error answers: `{"errors": [text, …]}`, most of them with HTTP 500."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

UNAUTHORIZED, NOT_FOUND, NOT_ALLOWED, SERVER_ERROR = 401, 404, 405, 500

NO_MATCH = (
    "No matching records found. "
    "The logged in Resource may not have the required permissions to delete the data."
)


class RefusedError(Exception):
    """The simulated Autotask refuses a request."""

    def __init__(self, *errors: str, status: int = SERVER_ERROR) -> None:
        super().__init__("; ".join(errors))
        self.status, self.errors = status, errors

    def answer(self) -> JSONResponse:
        return JSONResponse({"errors": list(self.errors)}, status_code=self.status)


def unknown_reference(field: str, kind: str) -> RefusedError:
    found = f"Reference value on field: {field} of type: {kind} does not exist or is invalid."
    return RefusedError(f"{found} ; on record number [1].")


def denied(deed: str) -> RefusedError:
    return RefusedError(
        f"The logged in Resource does not have the adequate permissions to {deed} this entity type."
    )


def install(app: FastAPI) -> None:
    """Make every refusal of the app look like Autotask's."""

    @app.exception_handler(RefusedError)
    def refused(_request: Request, error: RefusedError) -> JSONResponse:
        return error.answer()

    @app.exception_handler(RequestValidationError)
    def misshapen(_request: Request, error: RequestValidationError) -> JSONResponse:
        problems = [
            f"Value of field {'.'.join(str(part) for part in item['loc'][1:]) or 'body'}: {item['msg']}"
            for item in error.errors()
        ]
        return RefusedError(*problems).answer()

    @app.exception_handler(HTTPException)
    def unrouted(request: Request, error: HTTPException) -> JSONResponse:
        """The web server in front of Autotask answers these, so they look different."""
        told = {
            NOT_FOUND: "No HTTP resource was found that matches the request URI.",
            NOT_ALLOWED: f"The requested resource does not support http method '{request.method}'.",
        }
        message = told.get(error.status_code, str(error.detail))
        return JSONResponse({"Message": message}, status_code=error.status_code)
