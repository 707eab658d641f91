"""Autotask's simulator, and the client of a connection to it."""

from collections.abc import Iterator

import pytest

from integrations.autotask import Autotask
from integrations.autotask.simulator import RunningSimulator
from integrations.ports import PsaClient


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    with RunningSimulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(running: RunningSimulator) -> RunningSimulator:
    running.reset()
    return running


@pytest.fixture
def client(simulator: RunningSimulator) -> PsaClient:
    return Autotask().client(simulator.link())


@pytest.fixture
def warm(client: PsaClient, simulator: RunningSimulator) -> PsaClient:
    """A client that has its zone and names, so that a fault hits the call that is meant."""
    client.ticket(simulator.create_ticket())
    simulator.parts.log.clear()
    return client
