"""Brings `.venv` to what a lock file says, with the standard library only. `make` calls it for every target.

Usage: install.py runtime|dev. It does nothing when the lock and the checkout's place are those of the last
complete install; an install that was interrupted is done again.
"""  # noqa: INP001 - a script

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"

#: The caller's settings that would install elsewhere or otherwise. All others of pip's stay, such as the
#: registry and its certificates.
FOREIGN_SETTINGS = {
    *("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_CONSTRAINT", "PIP_REQUIREMENT", "PIP_NO_DEPS"),
    *("PIP_REQUIRE_HASHES", "PIP_REQUIRE_VIRTUALENV", "PIP_PYTHON", "PIP_DRY_RUN", "PIP_LOG", "PIP_QUIET"),
    *("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"),
}

#: Lines of pip's output that are shown when it fails; its reason is among the last.
SHOWN_LINES = 15


def main(lock_name: str) -> None:
    """Install under a lock, so that two makes at once share one install."""
    lock_file = ROOT / "requirements" / f"{lock_name}.txt"
    with (ROOT / "requirements" / "install.py").open() as this_file:
        fcntl.flock(this_file, fcntl.LOCK_EX)
        ensure_venv()
        stamp = VENV / f"{lock_name}-{digest(lock_file, ROOT / 'pyproject.toml')}.installed"
        if not stamp.exists():
            install(lock_file)
            stamp.touch()


def ensure_venv() -> None:
    """Make the environment again when the checkout has moved or its Python has gone: paths are in it."""
    origin = VENV / "made-for"
    if origin.exists() and origin.read_text() == str(ROOT) and runs(PYTHON):
        return
    say(f"making .venv with Python {sys.version.split()[0]}")
    shutil.rmtree(VENV, ignore_errors=True)
    run("the environment cannot be made", sys.executable, "-m", "venv", VENV)
    origin.write_text(str(ROOT))


def install(lock_file: Path) -> None:
    """Install what is locked, by its hashes, then the checkout itself without looking for anything else."""
    say(f"installing requirements/{lock_file.name} (about a minute the first time)")
    pip = (PYTHON, "-m", "pip", "install", "--no-input", "--disable-pip-version-check")
    run("pip failed", *pip, "--require-hashes", "-r", lock_file)
    run("pip failed", *pip, "--no-deps", "--no-build-isolation", "-e", ROOT)


def digest(*files: Path) -> str:
    """Return a name for the content of the files."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def runs(python: Path) -> bool:
    """Say whether the interpreter is still there."""
    try:
        return subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode == 0  # noqa: S603
    except OSError:
        return False


def run(complaint: str, *command: str | Path) -> None:
    """Run quietly; on failure show how it ended and leave."""
    environ = {name: value for name, value in os.environ.items() if name not in FOREIGN_SETTINGS}
    done = subprocess.run(  # noqa: S603 - our own commands
        command,
        env={**environ, "PIP_USER": "0"},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        print(*done.stdout.splitlines()[-SHOWN_LINES:], sep="\n", file=sys.stderr)  # noqa: T201
        sys.exit(f"ticketwalk: {complaint} (see above)")


def say(step: str) -> None:
    """Show one line for one step."""
    print(f"ticketwalk: {step}", flush=True)  # noqa: T201


def ensure_can_make_environments() -> None:
    """Debian and Ubuntu leave out what `venv` needs; say so before it fails in twenty lines."""
    try:
        import ensurepip  # noqa: F401, PLC0415 - may be missing
        import venv  # noqa: F401, PLC0415 - may be missing
    except ImportError:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        sys.exit(
            f"ticketwalk: Python {version} lacks its venv module; install it "
            f"(Debian, Ubuntu: apt-get install python{version}-venv)"
        )


if __name__ == "__main__":
    ensure_can_make_environments()
    main(sys.argv[1])
