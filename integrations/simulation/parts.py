"""What a PSA's simulator is made of."""

from abc import ABC, abstractmethod
from typing import Any, Generic, Protocol, TypeVar

from fastapi import FastAPI

from integrations.simulation.faults import FaultBook
from integrations.simulation.rate_limit import RateLimit
from integrations.simulation.sending import Sender
from integrations.simulation.traffic import RequestLog


class World(Protocol):
    """A PSA's records."""

    def reset(self) -> None:
        """Forget them."""


SomeWorld = TypeVar("SomeWorld", bound=World)
SomeSender = TypeVar("SomeSender", bound=Sender[Any])


class Parts(ABC, Generic[SomeWorld, SomeSender]):
    """The state of one simulator. A PSA's own makes the world and the sender, and adds what else it has."""

    def __init__(self, world: SomeWorld, deliveries: SomeSender) -> None:
        self.world, self.deliveries = world, deliveries
        self.faults, self.log, self.limit = FaultBook(), RequestLog(), RateLimit()

    @abstractmethod
    def app(self) -> FastAPI:
        """Return the PSA's API and the control surface over these parts."""

    def reset(self) -> None:
        """Forget records, deliveries, faults, requests and a limit of calls."""
        self.world.reset()
        self.deliveries.clear()
        self.limit.allow(None)
        self.faults.clear()
        self.log.clear()
