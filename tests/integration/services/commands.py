"""Commands that are filed and not applied, and effects that break."""

from typing import Any
from uuid import uuid4

from worker.domain.words import CommandType
from worker.services import settling
from worker.services.carrying import command_by_hand
from worker.services.filing import file_request
from worker.services.walks.scene import Effect


def file_only(world, command, **arguments: Any) -> None:
    """File a command without applying it."""
    file_request(world.context, command_by_hand(CommandType(command), arguments, default_key=uuid4().hex))


def breaks(world, monkeypatch, *, times, command_type=CommandType.WITHDRAW_STEP):
    """Make an effect raise what nobody expects, for so many calls."""
    effect = settling._EFFECTS[command_type]
    left = [times]

    def broken(*arguments: Any) -> Effect:
        if left[0] > 0:
            left[0] -= 1
            raise ZeroDivisionError("a customer's secret")
        return effect(*arguments)

    monkeypatch.setattr(settling, "_EFFECTS", {**settling._EFFECTS, command_type: broken})
