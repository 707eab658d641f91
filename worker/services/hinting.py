"""What a hint at a delivery, a command or an outbox entry says: its task, its queue, the ids in Flower."""

from collections.abc import Mapping
from uuid import UUID

from worker.db.unit_of_work import Open
from worker.domain.queues import COMMANDS
from worker.domain.words import CommandType, SessionKind

_SESSION_KINDS: Mapping[str, str] = {
    CommandType.START_FLOW: SessionKind.FLOW.value,
    CommandType.START_PROPOSAL: SessionKind.PROPOSAL.value,
    CommandType.START_ADHOC: SessionKind.ADHOC.value,
    CommandType.ESCALATE_WITHOUT_WALK: SessionKind.ADHOC.value,
}


def hint_delivery(
    tx: Open,
    delivery_id: int,
    *,
    account_id: UUID,
    ticket: str | None,
    carried: bool,
    wakes_lane: str | None = None,
    repeats: bool = False,
) -> None:
    """Have a delivery interpreted. `carried`: it carries its command, so it waits behind no call to a PSA."""
    tx.hint(
        "delivery.interpret",
        wakes_lane=wakes_lane,
        on_queue=COMMANDS if carried else None,
        repeats=repeats,
        delivery_id=delivery_id,
        account_id=str(account_id),
        ticket=ticket,
    )


def hint_command(
    tx: Open,
    command_id: int,
    command_type: str,
    *,
    account_id: UUID,
    ticket: str,
    session_id: UUID | None = None,
    wakes_lane: str | None = None,
    repeats: bool = False,
) -> None:
    """Have a turn taken on a command's ticket. `command_type`: one that this version may not know yet."""
    tx.hint(
        command_type,
        wakes_lane=wakes_lane,
        repeats=repeats,
        command_id=command_id,
        account_id=str(account_id),
        ticket=ticket,
        session=str(session_id) if session_id else None,
        kind=_SESSION_KINDS.get(command_type),
    )


def hint_entry(
    tx: Open,
    outbox_id: int,
    *,
    account_id: UUID,
    ticket: str,
    session_id: UUID,
    wakes_lane: str | None = None,
    repeats: bool = False,
) -> None:
    """Have an outbox entry sent."""
    tx.hint(
        "psa.push",
        wakes_lane=wakes_lane,
        repeats=repeats,
        outbox_id=outbox_id,
        account_id=str(account_id),
        ticket=ticket,
        session=str(session_id),
    )
