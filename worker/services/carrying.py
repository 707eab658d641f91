"""Carry out one command task: file what comes by hand, take the lane's turn, say what happened."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from threading import Event
from typing import Any
from uuid import UUID

from worker.crash_points import Commit
from worker.db.models import CommandRow, SessionRow
from worker.domain.requests import read_request
from worker.domain.words import CommandType, Outcome
from worker.errors import Refusal
from worker.services import lanes, routing, views
from worker.services.context import Context
from worker.services.filing import Filed, Lane, NewCommand, account_of_request, file_request, find_place
from worker.services.notes.saves import Save, Saved, direct_save
from worker.services.notes.saving import save_drafts

#: Wait between two looks, in seconds.
LOOK_SECONDS = 0.05
#: What a hint carries besides the command's id, for Flower to show.
_SHOWN = {"account_id", "ticket", "session", "kind"}


def carry_out(
    context: Context, command_type: CommandType, task_id: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what became of the command. Called by hand, the key is the task's id unless one is given."""
    if "command_id" in arguments:
        filed = _filed(context, arguments)
        result = _take_turn(context, filed)
    else:
        command = command_by_hand(command_type, arguments, default_key=task_id)
        if (saved := save_by_hand(context, command)) is not None:
            return saved
        filed = file_request(context, command, wake=False)
        result = _await_turn(context, filed)
    if filed.repeated and result["outcome"] == Outcome.APPLIED:
        result["outcome"] = Outcome.DUPLICATE.value
    return result


def _take_turn(context: Context, filed: Filed) -> dict[str, Any]:
    lanes.drain(context, filed.lane, command_id=filed.command_id)
    with context.uow.begin(filed.lane.account_id) as tx:
        return views.command(tx, filed.command_id)


def _await_turn(context: Context, filed: Filed) -> dict[str, Any]:
    """Who calls by hand reads the answer: wait a little for a worker that has just claimed the command."""
    deadline = time.monotonic() + context.call_patience.total_seconds()
    while True:
        result = _take_turn(context, filed)
        if result.get("reason") != views.ITS_TURN or time.monotonic() > deadline:
            return result
        Event().wait(LOOK_SECONDS)


def save_by_hand(context: Context, command: NewCommand) -> dict[str, Any] | None:
    """Save notes straight into their draft and say so. None: the command must go through its lane."""
    save = direct_save(command.request)
    if save is None or command.request.connection is not None:
        return None
    account_id = routing.find_account(context, SessionRow, save.session_id)
    if account_id is None:
        return None
    saved = context.together.add(account_id, save, partial(_write_saves, context))
    if saved is None:
        return None
    outcome = Outcome.DUPLICATE if saved.repeated else Outcome.APPLIED
    return {"outcome": outcome.value, **saved.as_result()}


def _write_saves(context: Context, account_id: UUID, saves: Sequence[Save]) -> list[Saved | None]:
    with context.uow.begin(account_id, at=Commit.SAVE) as tx:
        return save_drafts(tx, context, saves)


def preview_by_hand(
    context: Context, command_type: CommandType, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Check a command that a person gave, against the store too, and change nothing."""
    command = command_by_hand(command_type, arguments, default_key="preview")
    with context.uow.begin(account_of_request(context, command.request)) as tx:
        place = find_place(tx, command.request)
        tx.session.rollback()
    return {"command": command_type.value, "ticket": place.external_id, "ticket_kind": place.kind.value}


def command_by_hand(
    command_type: CommandType, arguments: Mapping[str, Any], *, default_key: str
) -> NewCommand:
    """Check what a person gave. Refuses bad arguments; nothing is stored then."""
    business = dict(arguments)
    key = business.pop("key", None) or default_key
    if not isinstance(key, str) or len(key) > MAX_KEY_LENGTH or not key.isprintable():
        raise Refusal(
            "invalid", f"{command_type}: key must be a printable text of at most {MAX_KEY_LENGTH} characters"
        )
    return NewCommand(f"hand:{key}", command_type, read_request(command_type, business))


#: Characters; far more than any id that a person or a program would use.
MAX_KEY_LENGTH = 200


#: PostgreSQL's bigint.
MAX_COMMAND_ID = 2**63 - 1


def _filed(context: Context, arguments: Mapping[str, Any]) -> Filed:
    """Return the command that a hint names."""
    command_id = arguments["command_id"]
    if type(command_id) is not int or not 0 < command_id <= MAX_COMMAND_ID:
        raise Refusal("invalid", "command_id is no number")
    unknown = arguments.keys() - _SHOWN - {"command_id"}
    if unknown:
        raise Refusal("invalid", f"a call with a command_id takes nothing else (got {min(unknown)})")
    account_id = _account(arguments) or routing.account_of(context, CommandRow, command_id)
    with context.uow.begin(account_id) as tx:
        row = tx.session.get(CommandRow, command_id)
        if row is None:
            raise routing.unknown(CommandRow, command_id)
        return Filed(row.id, Lane(row.account_id, row.ticket_id), repeated=False)


def _account(arguments: Mapping[str, Any]) -> UUID | None:
    account_id = arguments.get("account_id")
    try:
        return UUID(account_id) if account_id else None
    except (ValueError, AttributeError, TypeError):
        raise Refusal("invalid", "account_id is no id of an account") from None
