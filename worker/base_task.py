"""What every task shares: keyword arguments only, results that say what happened, nothing private shown."""

import ast
import inspect
from collections.abc import Mapping
from typing import Any

import structlog
from celery import Task
from celery.worker.request import Request
from sqlalchemy.exc import DataError, DBAPIError

from worker.domain.words import Outcome
from worker.errors import Refusal, TicketwalkError
from worker.logs import frames
from worker.shares import share_in, shares
from worker.wakes import LANE_HEADER, wakes

log = structlog.get_logger()

#: The arguments that Flower may show; everything else is a person's words, or could be.
SHOWN_ARGUMENTS = (
    "account_id",
    "connection",
    "ticket",
    "ticket_id",
    "ticket_kind",
    "session",
    "session_id",
    "kind",
)
#: Those that are numbers; a text in their place is not shown.
SHOWN_NUMBERS = ("command_id", "delivery_id", "outbox_id", "sequence", "revision")
#: The words of a result that are the service's own.
SHOWN_RESULTS = ("outcome", "code", "state", "queue")
#: Longest value shown, in characters: an id is never longer, a text that was put in an id's place is cut.
_SHOWN_LENGTH = 80


class QuietRequest(Request):  # type: ignore[misc] # Celery is untyped
    """A task request that events, logs and Flower know only by its ids."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._argsrepr = "()"
        self._kwargsrepr = shown(self._kwargs)

    def send_event(self, type: str, **fields: Any) -> None:  # noqa: A002 - Celery's name
        """Tell of a result by its outcome and its ids; its sentence may repeat what the caller wrote."""
        if "result" in fields:
            fields["result"] = shown_result(fields["result"])
        super().send_event(type, **fields)


class WalkTask(Task):  # type: ignore[misc] # Celery is untyped
    """A task that ends with a result instead of an error wherever the caller can act on it."""

    abstract = True
    # a wrong argument is refused by the request's model with a sentence, not by Celery with a traceback
    typing = False
    Request = "worker.base_task:QuietRequest"

    def __call__(self, *positional: Any, **arguments: Any) -> dict[str, Any]:
        """Run the task. Bad input ends as `refused`, whatever it was; nothing is retried here."""
        self._was_received()
        try:
            self._check_call(positional, arguments)
            result = dict(self.run(**arguments))
        except Refusal as refusal:
            result = refused(refusal)
        except DataError:
            result = refused(Refusal("invalid", f"{self.name}: an argument is not of its type"))
        except (TicketwalkError, DBAPIError) as error:
            # the row stands as it did; the sweep hints at it again
            log.warning("task put off", task=self.name, error=type(error).__name__)
            result = {"outcome": Outcome.WAITING.value, "reason": _reason(error)}
        except Exception as error:  # noqa: BLE001 - the last line before Celery shows it to everyone
            # the message of an unknown error may hold a person's words; its kind and place may be shown
            log.error("task failed", task=self.name, error=type(error).__name__, at=frames(error))  # noqa: TRY400
            raise UnexpectedError(f"unexpected {type(error).__name__} in {self.name}; see the log") from None
        # what is done every few seconds is said only to who asks for it
        say = log.debug if self.name.startswith("maintenance.") else log.info
        say("task ended", task=self.name, outcome=result.get("outcome"), **_ids(arguments))
        return result

    def _was_received(self) -> None:
        """Before anything is read, so that what is committed later gets a wake-up of its own."""
        headers = self.request.headers or {}
        lane, share = headers.get(LANE_HEADER), share_in(headers)
        if isinstance(lane, str):
            wakes(self.app.conf.broker_url).received(lane)
        if share is not None:
            shares(self.app.conf.broker_url).let_in(share)

    def _check_call(self, positional: tuple[Any, ...], arguments: Mapping[str, Any]) -> None:
        if positional:
            raise Refusal("invalid", f"{self.name} takes its arguments by name, not by position")
        try:
            inspect.signature(self.run).bind(**arguments)
        except TypeError as error:
            raise Refusal("invalid", f"{self.name}: {error}") from None


class UnexpectedError(Exception):
    """A fault of this program, told without what a person wrote."""


def refused(refusal: Refusal) -> dict[str, Any]:
    """Return a refusal as a task result."""
    return {
        "outcome": Outcome.REFUSED.value,
        "reason": refusal.sentence,
        "code": refusal.code,
        **refusal.details,
    }


def shown(arguments: Mapping[str, Any] | None) -> str:
    """Return the arguments that may be shown, as text."""
    return repr(_ids(arguments or {}))


def shown_result(text: object) -> str:
    """Return of a result, which Celery gives as its repr, what may be shown."""
    try:
        result = ast.literal_eval(str(text))
    except (ValueError, SyntaxError):
        return "..."  # it was too long, and cut
    if not isinstance(result, dict):
        return "..."
    numbers = {name: value for name, value in result.items() if isinstance(value, int)}
    texts = {name: result[name] for name in SHOWN_RESULTS if isinstance(result.get(name), str)}
    return repr({**texts, **_ids(result), **numbers})


def _ids(arguments: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {name: arguments.get(name) for name in SHOWN_NUMBERS}
    texts = {name: arguments.get(name) for name in SHOWN_ARGUMENTS}
    return {
        **{name: value for name, value in numbers.items() if isinstance(value, int)},
        **{name: value[:_SHOWN_LENGTH] for name, value in texts.items() if isinstance(value, str)},
    }


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, TicketwalkError) else "the database does not take it just now"
