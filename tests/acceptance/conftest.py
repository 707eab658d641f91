"""The whole service as real processes: receiver, workers, beat, Flower, servers, and simulated PSAs."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from integrations.connectwise.simulator import RunningSimulator
from integrations.standard.simulator import RunningStandardSimulator
from tests.acceptance.canaries import STANDARD_SECRET
from tests.acceptance.looking import look_at
from tests.acceptance.planting import planted
from tests.acceptance.searching import heard, search, searched_home
from tests.acceptance.tools import Account, set_up_account
from worker.demo.service import RunningService, running_service


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is an acceptance test."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.acceptance)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Search what programs print and servers answer while a test of this folder runs, its fixtures too."""
    with heard(pytest.MonkeyPatch()):
        return (yield)


@pytest.fixture(scope="session", autouse=True)
def _nothing_leaks() -> Iterator[None]:
    """At the end, after every other fixture of the session: what was planted was found nowhere."""
    yield
    search.assert_nothing_found()


@pytest.fixture(scope="session")
def short_path() -> Iterator[Path]:
    """A home whose path is short enough for a socket in it."""
    with searched_home() as home:
        yield home


@pytest.fixture(scope="session")
def service(short_path: Path) -> Iterator[RunningService]:
    # the simulated PSAs are done with a write at once: nobody need wait 30 s before looking for it
    # whoever tests a reconcile runs it by hand
    settings = {
        "TICKETWALK_PROBE_AFTER_SECONDS": "1",
        "TICKETWALK_RECONCILE_INTERVAL_SECONDS": "86400",
        "PYTHONFAULTHANDLER": "1",
    }
    with running_service(short_path, settings) as running:
        yield running
        look_at(running)


@pytest.fixture(scope="session")
def psa() -> Iterator[RunningSimulator]:
    with planted(RunningSimulator, "connectwise") as running:
        assert isinstance(running, RunningSimulator)
        yield running


@pytest.fixture(scope="session")
def tool() -> Iterator[RunningStandardSimulator]:
    with RunningStandardSimulator(STANDARD_SECRET) as running:
        yield running


@pytest.fixture(scope="session")
def acme(
    service: RunningService, psa: RunningSimulator, tool: RunningStandardSimulator, short_path: Path
) -> Account:
    """An account with a technician, a flow, a ConnectWise and a standard connection."""
    return set_up_account("Acme MSP", service, psa, tool, short_path)
