"""`ticketwalk enqueue TASK --name value …`: any task by hand, repeated without fear.

A command is stored in Postgres before a worker is woken, so it is carried out even if Redis is away just now.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from threading import Event
from typing import Annotated, Any
from uuid import uuid4

import typer
from celery.exceptions import TimeoutError as NoAnswerError
from kombu.exceptions import OperationalError

from worker.celery import app as celery_app
from worker.cli.output import AsJson, print_record
from worker.cli.session import context
from worker.domain.words import CommandType, Outcome
from worker.errors import Refusal
from worker.hints import CeleryPublisher
from worker.services import views
from worker.services.carrying import command_by_hand, preview_by_hand, save_by_hand
from worker.services.context import Context
from worker.services.filing import Filed, file_request

#: Lets through the task's own options; the task checks them.
ANY_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}
#: Wait between two looks at a command, in seconds; a look is one primary-key read.
LOOK_SECONDS = 0.05

_FAILED = {Outcome.REFUSED.value, Outcome.PARKED.value, Outcome.WAITING.value}


def enqueue(
    arguments: typer.Context,
    task: Annotated[str, typer.Argument(help="Wire name, e.g. session.start_adhoc.")],
    wait: Annotated[bool, typer.Option("--wait", help="Until it is done; then print what it did.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check the arguments.")] = False,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait at the most.")] = 60.0,
    as_json: AsJson = False,
) -> int:
    """Enqueue a task: its keywords are the options, e.g. --connection N --ticket 123 --user E.

    --notes takes JSON. --key makes a repetition harmless: the same key changes a walk once.
    """
    given = dict(_pairs(arguments.args))
    if task in _COMMANDS:
        result = _command(_COMMANDS[task], given, wait=wait, dry_run=dry_run, timeout=timeout)
    else:
        result = _task(task, given, wait=wait, dry_run=dry_run, timeout=timeout)
    if result.get("outcome") == Outcome.REFUSED and not as_json:
        raise Refusal(result.get("code", "refused"), result["reason"])
    print_record(result, as_json=as_json)
    return int(result.get("outcome") in _FAILED)


_COMMANDS = {command_type.value: command_type for command_type in CommandType}


def _command(
    command_type: CommandType, given: Mapping[str, Any], *, wait: bool, dry_run: bool, timeout: float
) -> dict[str, Any]:
    service = context(CeleryPublisher(celery_app))
    arguments = {name: _json(value) if name == "notes" else value for name, value in given.items()}
    try:
        if dry_run:
            return {"outcome": "valid", **preview_by_hand(service, command_type, arguments)}
        command = command_by_hand(command_type, arguments, default_key=str(uuid4()))
        if (saved := save_by_hand(service, command)) is not None:
            return saved
        filed = file_request(service, command)
    except Refusal as refusal:
        return {"outcome": Outcome.REFUSED.value, "reason": refusal.sentence, "code": refusal.code}
    if not wait:
        return {"outcome": "queued", "command_id": filed.command_id, "repeated": filed.repeated}
    return _settled(service, filed, timeout=timeout)


def _settled(service: Context, filed: Filed, *, timeout: float) -> dict[str, Any]:
    """Return what became of the command; `waiting` where the time ran out first."""
    deadline = time.monotonic() + timeout
    while True:
        with service.uow.begin(filed.lane.account_id) as tx:
            result = views.command(tx, filed.command_id)
        if result["outcome"] != Outcome.WAITING:
            break
        if time.monotonic() > deadline:
            return {**result, "reason": f"{result['reason']}; is a worker running?"}
        Event().wait(LOOK_SECONDS)
    if filed.repeated and result["outcome"] == Outcome.APPLIED:
        result["outcome"] = Outcome.DUPLICATE.value
    return result


def _task(
    name: str, given: Mapping[str, Any], *, wait: bool, dry_run: bool, timeout: float
) -> dict[str, Any]:
    context()  # the servers, and an up-to-date schema
    celery_app.loader.import_default_modules()
    known = sorted(task for task in celery_app.tasks if not task.startswith("celery."))
    if name not in known:
        raise typer.BadParameter(f'there is no task "{name}"; known are {", ".join(known)}')
    arguments = {key: _loose(value) for key, value in given.items()}
    if dry_run:
        return {"outcome": "valid", "task": name, "arguments": arguments}
    try:
        sent = celery_app.send_task(name, kwargs=arguments, ignore_result=not wait)
        if not wait:
            return {"outcome": "queued", "task_id": sent.id}
        return {"task_id": sent.id, **sent.get(timeout=timeout)}
    except OperationalError:
        raise Refusal("broker_away", "Redis does not answer; nothing was enqueued") from None
    except NoAnswerError:
        return {
            "outcome": Outcome.WAITING.value,
            "task_id": sent.id,
            "reason": "no answer; is a worker running?",
        }


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield (keyword, value) of `--name value`, `--name=value`, and of `--flag` as true."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or len(word) == len("--"):
            raise typer.BadParameter(
                f"the task's arguments are options, e.g. --ticket 123; got {word[:80]!r}"
            )
        name, separator, value = word[2:].partition("=")
        if separator:
            yield _keyword(name), value
        elif rest and not rest[0].startswith("--"):
            yield _keyword(name), rest.pop(0)
        else:
            yield _keyword(name), True


def _keyword(name: str) -> str:
    return name.replace("-", "_")


def _json(value: Any) -> Any:
    try:
        return json.loads(value)
    except (TypeError, ValueError, RecursionError):
        raise Refusal("invalid", "--notes takes a JSON list of objects") from None


def _loose(value: Any) -> Any:
    """Numbers and true/false as such, everything else as text."""
    with suppress(TypeError, ValueError):
        parsed = json.loads(value)
        return parsed if isinstance(parsed, bool | int) else value
    return value
