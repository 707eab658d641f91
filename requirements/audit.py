"""Look up known weaknesses of every locked package. Says plainly what could not be looked up.

Exit 0: all were looked up and none is known; 1: some are known; 3: not all could be looked up.
"""  # noqa: INP001 - a script

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("runtime", "dev")
#: Seconds for one answer of the service, and for all of them.
ANSWER_SECONDS = 10
ALL_SECONDS = 600
KNOWN, NOT_LOOKED_UP = 1, 3


def main() -> int:
    """Return the worst of the locks' exit codes; a known weakness is worse than an unanswered question."""
    codes = {audit(lock) for lock in LOCKS}
    return next((code for code in (KNOWN, NOT_LOOKED_UP) if code in codes), 0)


def audit(lock: str) -> int:
    """Audit one lock file and say what came of it."""
    answer = _ask(ROOT / "requirements" / f"{lock}.txt")
    if answer is None:
        say(f"{lock}: NOT AUDITED: the service for known weaknesses does not answer")
        return NOT_LOOKED_UP
    skipped = [package["name"] for package in answer if "skip_reason" in package]
    weak = [package for package in answer if package.get("vulns")]
    for package in weak:
        for weakness in package["vulns"]:
            fixed = ", ".join(weakness["fix_versions"]) or "no version yet"
            say(f"{lock}: {package['name']} {package['version']}: {weakness['id']}, fixed in {fixed}")
    if skipped:
        say(f"{lock}: NOT AUDITED: the service knows nothing of {len(skipped)} of {len(answer)} packages")
    if not weak and not skipped:
        say(f"{lock}: {len(answer)} packages, no known weakness")
    return KNOWN if weak else NOT_LOOKED_UP if skipped else 0


def _ask(lock_file: Path) -> list[dict[str, Any]] | None:
    """Return what the service says of each package, or None where there is no telling."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock_file), "--require-hashes"]
    command += [
        "--disable-pip",
        "--progress-spinner",
        "off",
        "--format",
        "json",
        "--timeout",
        str(ANSWER_SECONDS),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            command, capture_output=True, text=True, timeout=ALL_SECONDS, check=False
        )
        answered: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return None
    return answered


def say(line: str) -> None:
    """Show one line."""
    print(f"ticketwalk: {line}", flush=True)  # noqa: T201 - the result


if __name__ == "__main__":
    sys.exit(main())
