"""Whether a missing sequence number has been accepted already, and only stands behind in the work.

A gap is given up 30 s after the command behind it was filed. Where the service itself was away for that long,
the missing one may be stored and not interpreted, or filed and not applied: then it is waited for on. An
earlier one that waits for its own gap comes first too: it has its turn when its 30 s are over.
"""

from sqlalchemy import Exists, and_, exists, or_, select

from worker.db.models import CommandRow, DeliveryRow
from worker.domain.lane import SEQUENCE_WAIT
from worker.domain.words import CommandState, DeliveryState
from worker.services.walks.scene import Scene


def may_be_filled(scene: Scene, command: CommandRow, *, last_sequence: int | None) -> bool:
    """Return whether a delivery or a command that was accepted in time may still fill the gap."""
    query = select(or_(_filed_before(scene, command, last_sequence), _delivered_before(scene, command)))
    return bool(scene.tx.session.execute(query).scalar_one())


def _filed_before(scene: Scene, command: CommandRow, last_sequence: int | None) -> Exists:
    """A pending command of an earlier number; before the walk has started, also its start, which has none."""
    earlier = and_(CommandRow.sequence > (last_sequence or 0), CommandRow.sequence < command.sequence)
    if last_sequence is None:
        earlier = or_(earlier, CommandRow.type.like("session.start%"))
    return exists().where(
        CommandRow.ticket_id == scene.ticket.id,
        CommandRow.state == CommandState.PENDING,
        CommandRow.id != command.id,
        earlier,
    )


def _delivered_before(scene: Scene, command: CommandRow) -> Exists:
    """A delivery that is not interpreted yet, of this ticket or of one that it does not say."""
    return exists().where(
        DeliveryRow.connection_id == command.connection_id,
        DeliveryRow.state == DeliveryState.PENDING,
        DeliveryRow.received_at < command.received_at + SEQUENCE_WAIT,
        or_(
            DeliveryRow.external_ticket_id.is_(None),
            DeliveryRow.external_ticket_id == scene.ticket.external_id,
        ),
    )
