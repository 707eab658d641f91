"""What a delivery turned out to mean."""

from dataclasses import dataclass

from worker.domain.words import DeliveryState


@dataclass(frozen=True, slots=True)
class Meaning:
    """The state a delivery ends in, why, and how many commands it led to."""

    state: DeliveryState
    reason: str | None = None
    commands: int = 0
