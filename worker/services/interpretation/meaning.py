"""What a delivery turned out to mean."""

from dataclasses import dataclass
from datetime import timedelta

from worker.domain.words import DeliveryState

#: Wait before the PSA is asked again where what it showed was overtaken.
LOOK_AGAIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Meaning:
    """The state a delivery ends in, why, and how many commands it led to.

    `wait`: until the next look at one that stays pending.
    """

    state: DeliveryState
    reason: str | None = None
    commands: int = 0
    wait: timedelta = LOOK_AGAIN
