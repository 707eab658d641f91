"""HaloPSA's simulator, and the client of a connection to it."""

from collections.abc import Iterator

import pytest

from integrations.halopsa import HaloPsa
from integrations.halopsa.simulator import RunningSimulator
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
    return HaloPsa().client(simulator.link())
