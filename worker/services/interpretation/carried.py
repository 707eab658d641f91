"""Deliveries of the open standard say the command themselves."""

import json

from worker.db.models import ConnectionRow, DeliveryRow
from worker.db.unit_of_work import Transaction
from worker.domain.requests import read_standard
from worker.domain.words import DeliveryState
from worker.errors import Refusal
from worker.services.filing import NewCommand, file, find_place
from worker.services.interpretation.meaning import Meaning


def read(tx: Transaction, connection: ConnectionRow, delivery: DeliveryRow) -> Meaning:
    """File the command that a delivery carries; what it cannot carry is kept with the reason."""
    try:
        message = json.loads(delivery.body)
        command_type, request = read_standard(message, connection=str(connection.id))
        key = f"{connection.provider}:{connection.id}:{delivery.dedupe_key}"
        new = NewCommand(key=key, type=command_type, request=request, delivery_id=delivery.id)
        filed = file(tx, find_place(tx, request), [new])
    except Refusal as refusal:
        return Meaning(DeliveryState.REFUSED, refusal.sentence)
    return Meaning(DeliveryState.INTERPRETED, commands=sum(not entry.repeated for entry in filed))
