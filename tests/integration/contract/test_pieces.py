"""Every provider is complete; what is missing is named."""

import pytest

from integrations.registry import PROVIDERS
from tests.integration.contract.pieces import missing_pieces

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_a_provider_has_all_its_pieces(name):
    missing = missing_pieces(name, PROVIDERS[name])
    assert not missing, f"the provider {name} lacks:\n- " + "\n- ".join(missing)


class _HalfClient:
    def ticket(self) -> None: ...


class _Half:
    name = "half"
    carries_commands = False

    def client(self) -> _HalfClient:
        return _HalfClient()


def test_whatever_a_new_provider_lacks_is_named_with_its_place():
    missing = missing_pieces("half", _Half())
    for piece in (
        "calls_per_hour: see Provider in integrations/ports.py",
        "webhook_url: see Provider in integrations/ports.py",
        "register of its client: see PsaClient in integrations/ports.py",
        "recorded payloads: tests/payloads/half/*.json",
        "a page: docs/half.md",
        'integrations.half in the contract "Providers know nothing of each other", pyproject.toml',
        'a simulator: the line "half" in SIMULATORS, integrations/simulators.py',
    ):
        assert piece in missing
    assert not [piece for piece in missing if piece.startswith(("name:", "client:", "ticket of"))]


@pytest.mark.parametrize(
    ("entries", "file"),
    [("DIALECTS", "tests/integration/contract/dialects.py"), ("HABITS", "tests/acceptance/psas.py")],
)
def test_a_stand_in_without_its_entry_in_a_table_of_the_tests_is_named(monkeypatch, entries, file):
    monkeypatch.setattr(f"tests.integration.contract.pieces.{entries}", {})
    assert missing_pieces("connectwise", PROVIDERS["connectwise"]) == [
        f'the entry "connectwise" in {entries}, {file}'
    ]


def test_what_a_stand_in_lacks_is_named(monkeypatch):
    monkeypatch.setattr("tests.integration.contract.pieces.stand_in_class", lambda _name: object)
    missing = missing_pieces("connectwise", PROVIDERS["connectwise"])
    assert "merge_ticket of its RunningSimulator: see integrations/simulation/stand_in.py" in missing
