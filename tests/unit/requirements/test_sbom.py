"""The list of what the service runs on."""

import json

import pytest

from requirements import sbom
from requirements.locked import HERE, Package, packages, read


@pytest.fixture(autouse=True)
def _listed_elsewhere(tmp_path, monkeypatch):
    """The list of the checkout is left alone."""
    monkeypatch.setattr(sbom, "LIST", tmp_path / "build" / "sbom.cdx.json")


def test_every_package_of_the_lock_is_listed_with_version_hash_and_licence():
    assert sbom.main() == 0
    listed = json.loads(sbom.LIST.read_text())
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.6")
    names = (HERE / "runtime.txt").read_text().splitlines()
    locked = sum("==" in line and not line.startswith(" ") for line in names)
    assert len(listed["components"]) == locked
    for component in listed["components"]:
        assert component["version"]
        assert component["hashes"]
        assert component.get("licenses") or component.get("properties"), component["name"]


def test_the_same_lock_gives_the_same_bytes():
    sbom.main()
    first = sbom.LIST.read_bytes()
    sbom.main()
    assert sbom.LIST.read_bytes() == first


@pytest.mark.parametrize(
    ("package", "flaw"),
    [
        (Package("celery", "5.6.3", "", ()), "celery 5.6.3 is locked without a hash"),
        (Package("no-such", "1", "", ("a",)), "no-such 1 is locked and not installed"),
    ],
)
def test_a_package_that_lacks_something_is_named(package, flaw):
    assert sbom.flaws(package) == [flaw]


def test_a_package_without_a_licence_is_named(monkeypatch):
    monkeypatch.setattr(sbom, "licence_of", lambda _: None)
    assert sbom.flaws(Package("celery", "5.6.3", "", ("a",))) == ["celery 5.6.3 names no licence"]


def test_markers_extras_and_comments_of_a_lock_are_read():
    text = "a[b]==1 ; os_name == 'nt' \\\n    --hash=sha256:" + "0" * 64 + "\n    # via c\n"
    assert list(read(text)) == [Package("a", "1", "os_name == 'nt'", ("0" * 64,))]


def test_a_line_that_locks_nothing_is_an_error():
    with pytest.raises(ValueError, match="no locked package"):
        list(read("celery>=5"))


def test_all_locks_can_be_read():
    assert all(package.hashes for lock in ("runtime", "dev", "fuzz") for package in packages(lock))
