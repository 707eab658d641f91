"""Runs several programs as one: their output side by side, restarts, and one orderly end."""

import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import BinaryIO

from worker.runtime.console import Console, wants_colour
from worker.runtime.program import Program, Running
from worker.runtime.restarts import FIRST_PAUSE_SECONDS, LIMIT, WINDOW_SECONDS, Restarts
from worker.runtime.wake_up import STOP_SIGNALS, signals_as_bytes

__all__ = ["Program", "Supervisor"]

#: Seconds in which a second Ctrl-C is taken for the first one, delivered by the terminal and by `make`.
SAME_KEY_PRESS_SECONDS = 0.5

#: Bytes of signals to take at once; each is one byte, and more wait for the next turn.
SIGNAL_BYTES = 256


class Supervisor:
    """Runs the programs until it is told to stop or one of them cannot go on. For the main thread only.

    Own code instead of honcho: that signals whole process groups, which kills Celery's pool processes in the
    middle of their tasks, and it never restarts a program.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        output: BinaryIO | None = None,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        output = output or sys.stdout.buffer
        names = [program.name for program in programs]
        self._programs = {program.name: program for program in programs}
        self._console = Console(output, names, is_coloured=wants_colour(output, os.environ))
        self._restarts = {name: Restarts(first_pause_seconds) for name in names}
        self._due = dict.fromkeys(names, 0.0)  # when to start a program, in monotonic seconds
        self._running: dict[str, Running] = {}
        self._stopping_since: float | None = None
        self._exit_code = 0
        self._selector = selectors.DefaultSelector()

    def run(self) -> int:
        """Return 0 after a clean stop, 1 when a program could not go on or had to be killed."""
        with self._selector, signals_as_bytes() as wake_up:
            self._selector.register(wake_up, selectors.EVENT_READ)
            try:
                while self._running or self._due:
                    self._turn(wake_up)
            finally:
                self._kill_all()
        return self._exit_code

    def _turn(self, wake_up: socket.socket) -> None:
        """See to everything that has happened, then wait for the next thing to happen or to be due."""
        self._start_due()
        for key, _ in self._selector.select(self._seconds_to_next()):
            if key.fileobj is wake_up:
                self._obey(wake_up.recv(SIGNAL_BYTES))
            else:
                self._show_output_of(key.data)
        for running in list(self._running.values()):
            if running.exit_code() is not None:
                self._see_off(running)
        self._kill_late()
        if self._console.is_broken:
            self._ask_all()

    def _seconds_to_next(self) -> float | None:
        times = [*self._due.values(), *(running.kill_time() for running in self._running.values())]
        known = [at for at in times if at is not None]
        return max(0.0, min(known) - time.monotonic()) if known else None

    def _start_due(self) -> None:
        for name in [name for name, at in self._due.items() if at <= time.monotonic()]:
            if name in self._due:  # the failure of another one may have ended it all
                del self._due[name]
                self._start(self._programs[name])

    def _start(self, program: Program) -> None:
        try:
            running = Running(program)
        except OSError as error:
            self._say(program, f"cannot be started: {program.argv[0]}: {error.strerror}; stopping everything")
            self._give_up()
            return
        self._running[program.name] = running
        self._selector.register(running.output, selectors.EVENT_READ, running)

    def _obey(self, signals: bytes) -> None:
        for number in signals:
            if number in STOP_SIGNALS:
                self._ask_all()
            if number == signal.SIGINT and self._has_been_stopping_for(SAME_KEY_PRESS_SECONDS):
                self._exit_code = 1
                self._kill_all()

    def _has_been_stopping_for(self, seconds: float) -> bool:
        return self._stopping_since is not None and time.monotonic() - self._stopping_since > seconds

    def _ask_all(self) -> None:
        if self._stopping_since is not None:
            return
        self._stopping_since = time.monotonic()
        self._due.clear()
        for running in self._running.values():
            running.ask_to_stop()

    def _give_up(self) -> None:
        self._exit_code = 1
        self._ask_all()

    def _see_off(self, running: Running) -> None:
        """Take leave of a process that has ended, and decide whether its program starts again."""
        program = running.program
        del self._running[program.name]
        if running.has_output:
            self._selector.unregister(running.output)
        self._console.show(program.name, running.close(), colour=program.colour)
        if self._stopping_since is not None:
            return
        ending = _ending(running.exit_code())
        pause = self._restarts[program.name].pause_after_death(time.monotonic())
        if pause is None:
            times = f"{LIMIT + 1} times within {WINDOW_SECONDS:.0f} s"
            self._say(program, f"ended {times}, now {ending}; stopping everything")
            self._give_up()
        else:
            self._say(program, f"ended {ending}; starting it again in {pause:g} s")
            self._due[program.name] = time.monotonic() + pause

    def _kill_late(self) -> None:
        for running in self._running.values():
            kill_time = running.kill_time()
            if kill_time is not None and kill_time <= time.monotonic():
                self._exit_code = 1
                self._say(
                    running.program, f"did not stop within {running.program.stop_seconds:g} s; killing it"
                )
                running.kill()

    def _kill_all(self) -> None:
        for running in self._running.values():
            running.kill()

    def _show_output_of(self, running: Running) -> None:
        self._console.show(running.program.name, running.read_lines(), colour=running.program.colour)
        if not running.has_output:
            self._selector.unregister(running.output)

    def _say(self, program: Program, sentence: str) -> None:
        self._console.show(program.name, [f"{program.name} {sentence}".encode()], colour=program.colour)


def _ending(exit_code: int | None) -> str:
    assert exit_code is not None
    if exit_code >= 0:
        return f"with exit code {exit_code}"
    return f"by {signal.Signals(-exit_code).name}"
