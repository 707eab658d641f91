"""Look up known weaknesses of every locked package at OSV (osv.dev). Says plainly where it gave no answer.

Usage: python -m requirements.audit [--where-reachable]. Exit 0: none is known that has a fix and is not
accepted in accepted-weaknesses.toml with a reason; 1: some are; 3: no answer (0 with --where-reachable).
"""  # noqa: INP001 - a script

import http.client
import json
import sys
import threading
import tomllib
import urllib.request
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from typing import Any

from requirements.locked import HERE, Package, packages

SERVICE = "https://api.osv.dev/v1"
LOCKS = ("runtime", "dev", "fuzz")
#: Seconds for one answer. All packages go in one question; each weakness found is one more.
ANSWER_SECONDS = 5
#: Seconds for all of them; a resolver that hangs is bounded by nothing else.
ALL_SECONDS = 20
#: A weakness takes some kilobytes.
MAX_ANSWER_BYTES = 16 * 1024 * 1024
ACCEPTED = HERE / "accepted-weaknesses.toml"
WEAK, NOT_ASKED = 1, 3
#: What comes of a service that is away, of one in between that is broken, and of answers of another shape.
NO_ANSWER = (OSError, http.client.HTTPException, ValueError, TypeError, LookupError, AttributeError)


def main(arguments: Collection[str], service: str = SERVICE) -> int:
    """Return the exit code."""
    locked = sorted({(p.name, p.version): p for lock in LOCKS for p in packages(lock)}.items())
    accepted: dict[str, str] = tomllib.loads(ACCEPTED.read_text()) if ACCEPTED.exists() else {}
    try:
        found = _in_time(lambda: weaknesses(service, [package for _, package in locked]))
    except NO_ANSWER as error:
        _say(f"weaknesses NOT LOOKED UP: {service} gave no answer ({type(error).__name__})")
        return 0 if "--where-reachable" in arguments else NOT_ASKED
    unaccepted = [line for identifier, line in found.items() if identifier not in accepted]
    for line in unaccepted:
        _say(line)
    if not unaccepted:
        _say(f"{len(locked)} packages, no known weakness that has a fix and is not accepted")
    return WEAK if unaccepted else 0


def _in_time(look_up: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
    """Return what is answered in time; what comes later is left behind. Raises TimeoutError."""
    answered: Future[Mapping[str, str]] = Future()

    def answer() -> None:
        try:
            answered.set_result(look_up())
        except NO_ANSWER as error:
            answered.set_exception(error)

    threading.Thread(target=answer, daemon=True).start()
    return answered.result(ALL_SECONDS)


def weaknesses(service: str, locked: list[Package]) -> Mapping[str, str]:
    """Return a sentence for each known weakness that has a fix, by its id. Raises OSError, ValueError."""
    queries = [{"package": {"name": p.name, "ecosystem": "PyPI"}, "version": p.version} for p in locked]
    results = _ask(f"{service}/querybatch", {"queries": queries})["results"]
    if len(results) != len(locked):
        raise ValueError("the answer is of another number of packages")
    if any("next_page_token" in (result or {}) for result in results):
        raise ValueError("the answer is not whole")
    found = {}
    for package, result in zip(locked, results, strict=True):
        for weakness in (result or {}).get("vulns", []):
            fixes = _fixes(_ask(f"{service}/vulns/{weakness['id']}"), package.name)
            if fixes:
                sentence = f"{package.name} {package.version}: {weakness['id']}, fixed in {', '.join(fixes)}"
                found[weakness["id"]] = sentence
    return found


def _fixes(weakness: Mapping[str, Any], name: str) -> list[str]:
    return [
        event["fixed"]
        for affected in weakness.get("affected", [])
        if affected.get("package", {}).get("name", "").lower() == name
        for span in affected.get("ranges", [])
        if span.get("type") == "ECOSYSTEM"
        for event in span.get("events", [])
        if "fixed" in event
    ]


def _ask(url: str, question: Mapping[str, Any] | None = None) -> dict[str, Any]:
    body = None if question is None else json.dumps(question).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - our own URL
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - our own URL
        value: dict[str, Any] = json.loads(answer.read(MAX_ANSWER_BYTES))
        return value


def _say(line: str) -> None:
    print(f"ticketwalk: {line}", flush=True)  # noqa: T201 - the result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
