"""The service's processes: started one by one, killed on purpose, and started again as soon as they end."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

#: Seconds between two looks at the processes.
LOOK_SECONDS = 0.05
#: A program that was asked to stop and has not, after so many seconds, is killed and counted.
STOP_SECONDS = 60.0
#: How such an end is told.
NOT_IN_TIME = "not within"


@dataclass
class Program:
    """One program of the service and its process."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    heard: int = 0
    asked_at: float | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start the process in a group of its own; what it says is added to its log."""
        self.heard = self.log.stat().st_size if self.log.exists() else 0
        self.asked_at = None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.argv],
                env=dict(self.environment),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def listen_anew(self) -> None:
        """Forget what was said so far."""
        self.heard = self.log.stat().st_size

    def said(self, words: bytes) -> int:
        """Return how often the words are in what the present process has logged."""
        with self.log.open("rb") as log:
            log.seek(self.heard)
            return log.read().count(words)

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to the main process only."""
        if self.process is None or self.process.poll() is not None:
            return False
        # first: one that ends at once is started again, and the next process has not been asked
        if self.asked_at is None and number in {signal.SIGTERM, signal.SIGQUIT}:
            self.asked_at = time.monotonic()
        self.process.send_signal(number)
        return True

    def is_late(self) -> bool:
        """Whether it was asked to stop long ago."""
        return self.asked_at is not None and time.monotonic() - self.asked_at > STOP_SECONDS

    def kill_child(self) -> bool:
        """Kill -9 one process of the pool."""
        if self.process is None:
            return False
        with suppress(psutil.Error):
            children = psutil.Process(self.process.pid).children()
            if children:
                children[-1].kill()
                return True
        return False

    def end_group(self) -> None:
        """Kill what the main process has left behind, as a service manager does."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Fleet:
    """All programs, with a thread that starts again whatever has ended."""

    def __init__(self, programs: Sequence[Program]) -> None:
        self.programs = {program.name: program for program in programs}
        self.ended: Counter[str] = Counter()
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper")

    def start(self) -> None:
        """Start every program, and the thread that keeps them running."""
        for program in self.programs.values():
            program.start()
        self._keeper.start()

    def stop(self) -> None:
        """Kill everything. The run is over, and what was to be seen has been seen."""
        self._stopping.set()
        if self._keeper.ident is not None:
            self._keeper.join()
        for program in self.programs.values():
            program.end_group()

    def _keep(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            for program in self.programs.values():
                self._look_at(program)

    def _look_at(self, program: Program) -> None:
        assert program.process is not None
        code = program.process.poll()
        if code is not None:
            self.ended[f"{program.name} {_ending(code)}"] += 1
            program.end_group()
            program.start()
        elif program.is_late():
            self.ended[f"{program.name} {NOT_IN_TIME} {STOP_SECONDS:g} s of being asked"] += 1
            program.end_group()


def _ending(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
