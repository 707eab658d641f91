"""List every package that the service runs on, with its hashes, as CycloneDX JSON. Needs no network."""  # noqa: INP001 - a script

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "build" / "sbom.cdx.json"


def main() -> None:
    """Write the list anew; the same lock file gives the same bytes."""
    LIST.parent.mkdir(exist_ok=True)
    # its warning that direct dependencies are not told apart is true of every lock file
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements"]
    command += ["requirements/runtime.txt", "--pyproject", "pyproject.toml", "--output-reproducible"]
    subprocess.run(  # noqa: S603 - our own command
        [*command, "--output-format", "JSON", "--output-file", str(LIST)], cwd=ROOT, check=True
    )
    print(f"ticketwalk: {LIST.relative_to(ROOT)} lists what the service runs on")  # noqa: T201


if __name__ == "__main__":
    main()
