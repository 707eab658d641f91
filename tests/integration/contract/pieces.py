"""What a provider is made of, and which of it is missing."""

import tomllib
from pathlib import Path
from typing import Any, get_type_hints

from integrations.ports import Provider, PsaClient
from integrations.simulation.stand_in import StandIn
from integrations.simulators import SIMULATORS, stand_in_class
from tests.acceptance.psas import HABITS
from tests.integration.contract.dialects import DIALECTS

ROOT = Path(__file__).parents[3]
PAYLOADS = ROOT / "tests" / "payloads"

INDEPENDENT = "Providers know nothing of each other"
UNKNOWN_TO_SERVICES = "Services know no broker, no HTTP and no provider"


def missing_pieces(name: str, provider: Any) -> list[str]:
    """Return one sentence for each piece that the provider lacks, with where it belongs."""
    found = [*_missing_members(provider), *_missing_files(name), *_missing_contracts(name)]
    if name not in SIMULATORS:
        return [*found, f'a simulator: the line "{name}" in SIMULATORS, integrations/simulators.py']
    if getattr(provider, "carries_commands", False):
        return found
    if name not in DIALECTS:
        found.append(f'the entry "{name}" in DIALECTS, tests/integration/contract/dialects.py')
    if name not in HABITS:
        found.append(f'the entry "{name}" in HABITS, tests/acceptance/psas.py')
    return [*found, *_missing_in_stand_in(name)]


def _members(protocol: type) -> set[str]:
    methods = {name for name, value in vars(protocol).items() if not name.startswith("_") and callable(value)}
    return methods | {n for n, v in vars(protocol).items() if isinstance(v, property)} | _attributes(protocol)


def _attributes(protocol: type) -> set[str]:
    return set(protocol.__annotations__)


def _missing_members(provider: Any) -> list[str]:
    lacks = sorted(name for name in _members(Provider) if not hasattr(provider, name))
    found = [f"{name}: see Provider in integrations/ports.py" for name in lacks]
    if "client" in lacks:
        return found
    client = get_type_hints(type(provider).client).get("return", object)
    absent = sorted(name for name in _members(PsaClient) if not hasattr(client, name))
    return found + [f"{name} of its client: see PsaClient in integrations/ports.py" for name in absent]


def _missing_files(name: str) -> list[str]:
    found = []
    if not list((PAYLOADS / name).glob("*.json")):
        found.append(f"recorded payloads: tests/payloads/{name}/*.json")
    if not list((ROOT / "docs").glob(f"{name}*.md")):
        found.append(f"a page: docs/{name}.md")
    return found


def _missing_contracts(name: str) -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    contracts = {contract["name"]: contract for contract in settings}
    module = f"integrations.{name}"
    listed = {
        INDEPENDENT: contracts[INDEPENDENT]["modules"],
        UNKNOWN_TO_SERVICES: contracts[UNKNOWN_TO_SERVICES]["forbidden_modules"],
    }
    return [
        f'{module} in the contract "{title}", pyproject.toml'
        for title, modules in listed.items()
        if module not in modules
    ]


def _missing_in_stand_in(name: str) -> list[str]:
    made = stand_in_class(name)
    offered = _members(StandIn) - _attributes(StandIn)  # what an instance gets is not seen at its class
    absent = sorted(member for member in offered if not hasattr(made, member))
    return [f"{member} of its RunningSimulator: see integrations/simulation/stand_in.py" for member in absent]
