"""Deliveries of the open standard say the command themselves: a batch of them, in the order they came."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from worker.db.models import ConnectionRow, DeliveryRow
from worker.db.unit_of_work import Transaction
from worker.domain.requests import read_standard
from worker.domain.words import DeliveryState
from worker.errors import Refusal
from worker.services.context import Context
from worker.services.filing import NewCommand, Place, file_all
from worker.services.interpretation.meaning import Meaning
from worker.services.interpretation.places import find_places
from worker.services.notes.saves import Save, direct_save
from worker.services.notes.saving import Ahead, save_drafts


@dataclass(frozen=True, slots=True)
class Carried:
    """One delivery and the command in it, or why it has none."""

    delivery: DeliveryRow
    command: NewCommand | None = None
    refusal: Refusal | None = None

    @property
    def save(self) -> Save | None:
        """Return the save of notes that needs no lane, if it is one."""
        return direct_save(self.command.request) if self.command else None


def read(connection: ConnectionRow, delivery: DeliveryRow) -> Carried:
    """Read the command out of a delivery's body. No I/O."""
    try:
        message = json.loads(delivery.body)
        command_type, request = read_standard(message, connection=str(connection.id))
    except Refusal as refusal:
        return Carried(delivery, refusal=refusal)
    key = f"{connection.provider}:{connection.id}:{delivery.dedupe_key}"
    return Carried(delivery, NewCommand(key, command_type, request, delivery.id))


def save_notes(
    tx: Transaction, context: Context, connection: ConnectionRow, batch: Sequence[Carried]
) -> list[tuple[Carried, Meaning]]:
    """Put the batch's saves of notes into their drafts, but those that must go through their lanes.

    Return those that are saved. A save never overtakes a command that was sent before it.
    """
    sessions: set[UUID | None] = set()
    tickets: set[str | None] = set()
    saves: list[tuple[Carried, Save]] = []
    ahead: dict[int, Ahead] = {}
    for carried in batch:
        if (save := carried.save) is not None:
            ahead[len(saves)] = Ahead(frozenset(sessions), frozenset(tickets))
            saves.append((carried, save))
        elif carried.command is not None:
            sessions.add(carried.command.request.session)
            tickets.add(carried.command.request.ticket)
    results = save_drafts(tx, context, [save for _, save in saves], connection_id=connection.id, ahead=ahead)
    return [
        (carried, Meaning(DeliveryState.INTERPRETED))
        for (carried, _), saved in zip(saves, results, strict=True)
        if saved is not None
    ]


def file_commands(
    tx: Transaction, connection: ConnectionRow, batch: Sequence[Carried]
) -> list[tuple[Carried, Meaning]]:
    """File the commands of a batch; what cannot be filed is kept with the reason."""
    meanings = [(carried, _refused(carried.refusal)) for carried in batch if carried.refusal is not None]
    commands = [(carried, carried.command) for carried in batch if carried.command is not None]
    places = find_places(tx, connection, [command.request for _, command in commands])
    placed: list[tuple[Carried, Place, NewCommand]] = []
    for (carried, command), place in zip(commands, places, strict=True):
        if isinstance(place, Refusal):
            meanings.append((carried, _refused(place)))
        else:
            placed.append((carried, place, command))
    filed = file_all(tx, [(place, command) for _, place, command in placed])
    for (carried, _, _), entry in zip(placed, filed, strict=True):
        if isinstance(entry, Refusal):
            meanings.append((carried, _refused(entry)))
        else:
            meanings.append((carried, Meaning(DeliveryState.INTERPRETED, commands=int(not entry.repeated))))
    return meanings


def _refused(refusal: Refusal) -> Meaning:
    return Meaning(DeliveryState.REFUSED, refusal.sentence)
