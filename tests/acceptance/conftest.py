"""The whole service as real processes: receiver, workers, beat, Flower, servers, and simulated PSAs."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations.connectwise.simulator import RunningSimulator
from integrations.standard.simulator import RunningStandardSimulator
from tests.acceptance.tools import Account, set_up_account
from worker.demo.service import RunningService, running_service


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is an acceptance test."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.acceptance)


@pytest.fixture(scope="session")
def short_path() -> Iterator[Path]:
    """A directory whose path is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="tw-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def service(short_path: Path) -> Iterator[RunningService]:
    # the simulated PSAs are done with a write at once: nobody need wait 30 s before looking for it
    # whoever tests a reconcile runs it by hand
    settings = {"TICKETWALK_PROBE_AFTER_SECONDS": "1", "TICKETWALK_RECONCILE_INTERVAL_SECONDS": "86400"}
    with running_service(short_path, settings) as running:
        yield running


@pytest.fixture(scope="session")
def psa() -> Iterator[RunningSimulator]:
    with RunningSimulator() as running:
        yield running


@pytest.fixture(scope="session")
def tool() -> Iterator[RunningStandardSimulator]:
    with RunningStandardSimulator() as running:
        yield running


@pytest.fixture(scope="session")
def acme(
    service: RunningService, psa: RunningSimulator, tool: RunningStandardSimulator, short_path: Path
) -> Account:
    """An account with a technician, a flow, a ConnectWise and a standard connection."""
    return set_up_account("Acme MSP", service, psa, tool, short_path)
