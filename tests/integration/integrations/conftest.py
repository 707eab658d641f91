"""Simulators and receivers on loopback."""

from collections.abc import Iterator

import pytest

from integrations.connectwise.simulator import RunningSimulator
from integrations.connectwise.simulator.callbacks import CallbackSettings
from integrations.simulation.server import bound_socket
from integrations.standard.simulator import RunningStandardSimulator
from tests.integration.receiving import Receiver


@pytest.fixture(scope="session")
def running_simulator() -> Iterator[RunningSimulator]:
    with RunningSimulator() as running:
        yield running


@pytest.fixture
def simulator(running_simulator: RunningSimulator) -> RunningSimulator:
    running_simulator.reset()
    running_simulator.callbacks.settings = CallbackSettings(retry_delays_seconds=(0.05, 0.05))
    return running_simulator


@pytest.fixture(scope="session")
def running_standard_simulator() -> Iterator[RunningStandardSimulator]:
    with RunningStandardSimulator() as running:
        yield running


@pytest.fixture
def standard_simulator(running_standard_simulator: RunningStandardSimulator) -> RunningStandardSimulator:
    running_standard_simulator.reset()
    return running_standard_simulator


@pytest.fixture(scope="session")
def running_receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def receiver(running_receiver: Receiver) -> Receiver:
    running_receiver.reset()
    return running_receiver


@pytest.fixture
def unused_port() -> int:
    with bound_socket() as bound:
        port: int = bound.getsockname()[1]
    return port
