"""One supervised program: what to run, and its process while it runs."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

#: Seconds between the request to stop and the kill, unless the program says otherwise.
STOP_SECONDS = 30.0

#: Bytes read at a time, and the length at which a line without an end is shown nevertheless.
CHUNK_BYTES = 64 * 1024

#: Chunks to read from a program that has ended: a pipe holds one, a process that escaped may write for ever.
LAST_CHUNKS = 16

#: prctl's "send me this signal when my parent dies" (linux/prctl.h).
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Program:
    """What to run. `env` is added to the environment; `colour` is an ANSI foreground colour, 31 to 36."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    colour: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = STOP_SECONDS


class Running:
    """A program's process, in a session of its own: a terminal's Ctrl-C reaches the supervisor only."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.has_output = True
        self._unfinished = b""
        self._kill_at: float | None = None
        self._process = subprocess.Popen(  # noqa: S603 - the service's own programs
            program.argv,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **program.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_follow_parent(program.stop_signal),  # noqa: PLW1509 - the supervisor has no threads
        )
        assert self._process.stdout is not None
        self.output = self._process.stdout
        os.set_blocking(self.output.fileno(), False)

    def exit_code(self) -> int | None:
        """Return the exit code of an ended process, negative for a signal, or None while it runs."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Signal the main process only: Celery's pool processes would die of it in the middle of a task."""
        self._kill_at = time.monotonic() + self.program.stop_seconds
        with suppress(ProcessLookupError):
            self._process.send_signal(self.program.stop_signal)

    def kill_time(self) -> float | None:
        """Return when its patience ends (monotonic), once it was asked to stop and until it is killed."""
        return self._kill_at

    def kill(self) -> None:
        """End the process and everything it has started, at once."""
        self._kill_at = None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def read_lines(self) -> list[bytes]:
        """Return the complete lines of the next chunk, if any. `has_output` says whether more may come."""
        try:
            chunk = os.read(self.output.fileno(), CHUNK_BYTES)
        except BlockingIOError:
            return []
        self.has_output = bool(chunk)
        *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
        if self._unfinished and (not chunk or len(self._unfinished) >= CHUNK_BYTES):
            lines.append(self._unfinished)
            self._unfinished = b""
        return lines

    def close(self) -> list[bytes]:
        """End what the process has left behind, and return its last lines."""
        self.kill()
        self._process.wait()
        lines = []
        for _ in range(LAST_CHUNKS):
            if self.has_output:
                lines += self.read_lines()
        self.output.close()
        return [*lines, self._unfinished] if self._unfinished else lines


class _FollowParent:
    """Runs in the child before the program does: a supervisor that is killed takes its programs along."""

    def __init__(self, stop_signal: int) -> None:
        self._stop_signal = stop_signal
        self._parent = os.getpid()
        self._prctl = ctypes.CDLL(None).prctl  # looked up here: a forked child should do little

    def __call__(self) -> None:
        self._prctl(PR_SET_PDEATHSIG, self._stop_signal)
        if os.getppid() != self._parent:  # it died before the line above
            os._exit(1)


def _follow_parent(stop_signal: signal.Signals) -> _FollowParent | None:
    return _FollowParent(int(stop_signal)) if sys.platform == "linux" else None
