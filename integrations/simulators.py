"""The one list of simulators: where each provider's stand-in is. A worker never loads one."""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from integrations.simulation.stand_in import StandIn

#: By the provider's name. Each module has `serve(port, host, ready)`; a PSA's also has `RunningSimulator`,
#: which is a StandIn.
SIMULATORS: Mapping[str, str] = MappingProxyType(
    {
        "autotask": "integrations.autotask.simulator",
        "connectwise": "integrations.connectwise.simulator",
        "halopsa": "integrations.halopsa.simulator",
        "standard": "integrations.standard.simulator",
        "zendesk": "integrations.zendesk.simulator",
    }
)


class UnknownSimulatorError(LookupError):
    """No such simulator. Its text names those there are."""


def serve(name: str, port: int, host: str, ready: Callable[[str], None]) -> None:
    """Serve a fresh simulator until it is interrupted. `ready` gets its URL once it answers."""
    _module(name).serve(port, host, ready)


def stand_in_class(name: str) -> type[StandIn]:
    """Return what makes a PSA's simulator for tests; it runs while its context is open."""
    found: type[StandIn] = _module(name).RunningSimulator
    return found


def _module(name: str) -> Any:
    try:
        return import_module(SIMULATORS[name])
    except KeyError:
        raise UnknownSimulatorError(f"no simulator of {name}; there are: {', '.join(SIMULATORS)}") from None
