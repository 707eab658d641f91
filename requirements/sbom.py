"""List every package that the service runs on as CycloneDX JSON, with hashes and licences. Needs no network.

Usage: python -m requirements.sbom. Exit 1 where a package lacks what the list should say of it.
"""  # noqa: INP001 - a script

import json
import sys
import tomllib
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from requirements.locked import Package, packages

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "build" / "sbom.cdx.json"
#: Longer "licences" in old metadata are the licence's whole text.
MAX_LICENCE = 100
CLASSIFIER = "License :: "


def main() -> int:
    """Write the list anew; the same lock file and packages give the same bytes."""
    locked = packages("runtime")
    components = [component(package) for package in locked]
    LIST.parent.mkdir(exist_ok=True)
    LIST.write_text(json.dumps(document(components), indent=2) + "\n")
    lacking = [line for package in locked for line in flaws(package)]
    for line in lacking:
        _say(line)
    if not lacking:
        _say(f"{LIST.parent.name}/{LIST.name} lists the {len(locked)} packages the service runs on")
    return int(bool(lacking))


def document(components: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the whole list (CycloneDX 1.6)."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": project["name"],
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"expression": project["license"]}],
            }
        },
        "components": components,
    }


def component(package: Package) -> dict[str, Any]:
    """Return a package's entry. It has a hash for each file that may be installed of it."""
    purl = f"pkg:pypi/{package.name}@{package.version}"
    licence = licence_of(package)
    entry: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": package.name}
    entry |= {"version": package.version, "purl": purl}
    entry["hashes"] = [{"alg": "SHA-256", "content": digest} for digest in package.hashes]
    if licence:
        entry["licenses"] = [{"license": {"name": licence}}]
    if package.where:
        entry["properties"] = [{"name": "ticketwalk:where", "value": package.where}]
    return entry


def flaws(package: Package) -> list[str]:
    """Say what the list lacks. A package that only other machines need is not here to be asked."""
    found = []
    if not package.hashes:
        found.append(f"{package.name} {package.version} is locked without a hash")
    installed = _metadata(package)
    if installed is None and not package.where:
        found.append(f"{package.name} {package.version} is locked and not installed")
    if installed is not None and not licence_of(package):
        found.append(f"{package.name} {package.version} names no licence")
    return found


def licence_of(package: Package) -> str | None:
    """Return the licence that the installed package names, in its own words."""
    installed = _metadata(package)
    if installed is None:
        return None
    classified = [
        line.rpartition(" :: ")[2]
        for line in installed.get_all("Classifier") or []
        if line.startswith(CLASSIFIER)
    ]
    expression, free = _first(installed, "License-Expression"), _first(installed, "License")
    short = free if len(free) <= MAX_LICENCE and "\n" not in free and free != "UNKNOWN" else ""
    return expression or ", ".join(classified) or short or None


def _first(installed: PackageMetadata, name: str) -> str:
    return str((installed.get_all(name) or [""])[0]).strip()


def _metadata(package: Package) -> PackageMetadata | None:
    try:
        return metadata(package.name)
    except PackageNotFoundError:
        return None


def _say(line: str) -> None:
    print(f"ticketwalk: {line}", flush=True)  # noqa: T201 - the result


if __name__ == "__main__":
    sys.exit(main())
