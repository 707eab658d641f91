"""The supervisor, as a process of its own with small programs of its own."""

import os
import select
import selectors
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest

#: Seconds until a line must have come or a process must have ended, on the slowest machine.
PATIENCE_SECONDS = 30

#: Says its process id and waits for a signal. All of these end by themselves after 60 s, whatever fails here.
STEADY = "import os, signal; signal.alarm(60); print('pid', os.getpid()); signal.pause()"

#: As STEADY, and says how it was asked to stop.
POLITE = """
import os, signal, sys
signal.alarm(60)
def stop(number, frame):
    print('got', signal.Signals(number).name)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print('pid', os.getpid())
while True:
    signal.pause()
"""

#: Does not stop when it is asked to.
STUBBORN = """
import os, signal
signal.alarm(60)
signal.signal(signal.SIGTERM, lambda *_: print('no'))
print('pid', os.getpid())
while True:
    signal.pause()
"""

#: A main process with a child in its group, which says so when SIGTERM reaches it.
WITH_CHILD = """
import os, signal, sys
reader, writer = os.pipe()
child = os.fork()
signal.alarm(60)
if child == 0:
    signal.signal(signal.SIGTERM, lambda *_: (print('child was hit'), os._exit(1)))
    os.write(writer, b'r')
    while True:
        signal.pause()
os.read(reader, 1)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print('child', child)
print('pid', os.getpid())
signal.pause()
"""


class Supervised:
    """A supervisor's process: what it says, and how it ends."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.said: list[str] = []
        self._heard = 0
        assert process.stdout is not None
        self._output = process.stdout
        self._unfinished = b""

    def line_with(self, text: str) -> str:
        """Return the next line that contains the text."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            for line in self.said[self._heard :]:
                self._heard += 1
                if text in line:
                    return line
            assert self._read(deadline), f"{text!r} never came: {self.said}"

    def pid_of(self, name: str) -> int:
        return int(self.line_with(f"{name} | pid").split()[-1])

    def end(self) -> int:
        """Return the exit code once all output is read."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._read(deadline):
            pass
        return self.process.wait(PATIENCE_SECONDS)

    def _read(self, deadline: float) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            assert selector.select(deadline - time.monotonic()), f"nothing more came: {self.said}"
        chunk = os.read(self._output.fileno(), 65536)
        *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
        self.said += [line.decode() for line in lines]
        return bool(chunk)


@contextmanager
def supervised(*, stop_seconds: float = PATIENCE_SECONDS, **programs: str) -> Iterator[Supervised]:
    """Run a supervisor over small Python programs."""
    argv = {name: [sys.executable, "-c", code] for name, code in programs.items()}
    yield from _run(f"""
        from worker.runtime.supervisor import Program, Supervisor
        programs = [Program(n, a, stop_seconds={stop_seconds}) for n, a in {argv!r}.items()]
        raise SystemExit(Supervisor(programs, first_pause_seconds=0.01).run())
    """)


def _run(code: str) -> Iterator[Supervised]:
    command = [sys.executable, "-c", textwrap.dedent(code)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "NO_COLOR": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environ, start_new_session=True
    ) as process:
        try:
            yield Supervised(process)
        finally:
            process.kill()


def await_end(pid: int) -> None:
    """Return when a process that is no child of ours has ended."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with os.fdopen(watched) as readable_at_its_end:
        assert select.select([readable_at_its_end], [], [], PATIENCE_SECONDS)[0], f"process {pid} lives on"


def test_lines_of_all_programs_stand_behind_their_names():
    with supervised(beat=STEADY, receiver=STEADY) as run:
        names = {run.line_with("| pid").partition("pid")[0] for _ in range(2)}

    assert names == {"beat     | ", "receiver | "}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_ends_all_with_sigterm_and_counts_as_success(number):
    with supervised(one=POLITE, two=POLITE) as run:
        run.pid_of("one")
        run.process.send_signal(number)

        assert run.end() == 0

    assert "one | got SIGTERM" in run.said


def test_the_request_to_stop_reaches_the_main_process_only():
    with supervised(celery=WITH_CHILD) as run:
        run.pid_of("celery")
        run.process.send_signal(signal.SIGTERM)

        assert run.end() == 0

    assert "celery | child was hit" not in run.said


def test_what_a_program_leaves_behind_ends_with_it():
    with supervised(celery=WITH_CHILD) as run:
        child = int(run.line_with("celery | child").split()[-1])
        run.pid_of("celery")
        run.process.send_signal(signal.SIGTERM)
        run.end()

        await_end(child)


def test_a_program_that_dies_is_started_again():
    with supervised(worker=STEADY) as run:
        first = run.pid_of("worker")
        os.kill(first, signal.SIGKILL)

        assert "worker ended by SIGKILL; starting it again in 0.01 s" in run.line_with("ended")
        assert run.pid_of("worker") != first
        run.process.send_signal(signal.SIGTERM)
        assert run.end() == 0


def test_a_program_that_cannot_go_on_ends_all_and_is_named_with_its_exit_code():
    with supervised(steady=POLITE, worker="print('alas'); raise SystemExit(3)") as run:
        assert run.end() == 1

    assert run.said.count("worker | alas") == 6
    assert "worker | worker ended 6 times within 60 s, now with exit code 3; stopping everything" in run.said
    assert "steady | got SIGTERM" in run.said


def test_a_program_that_does_not_exist_ends_all():
    with contextmanager(_run)("""
        from worker.runtime.supervisor import Program, Supervisor
        raise SystemExit(Supervisor([Program("worker", ["/no/such/program"])]).run())
    """) as run:
        assert run.end() == 1

    assert run.said == [
        "worker | worker cannot be started: /no/such/program: No such file or directory; stopping everything"
    ]


def test_a_program_that_does_not_stop_is_killed_after_its_time():
    with supervised(worker=STUBBORN, stop_seconds=0.2) as run:
        run.pid_of("worker")
        run.process.send_signal(signal.SIGTERM)

        assert run.end() == 1

    assert "worker | worker did not stop within 0.2 s; killing it" in run.said


def is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def test_a_second_ctrl_c_kills_at_once():
    with supervised(worker=STUBBORN) as run:
        worker = psutil.Process(run.pid_of("worker"))
        run.process.send_signal(signal.SIGINT)
        run.line_with("worker | no")
        begin = time.monotonic()
        while is_alive(worker) and time.monotonic() - begin < PATIENCE_SECONDS / 2:
            run.process.send_signal(signal.SIGINT)  # again and again: within 0.5 s it counts as the first
            with suppress(subprocess.TimeoutExpired):
                run.process.wait(0.05)

        assert run.end() == 1


def test_programs_end_with_a_supervisor_that_is_killed():
    with supervised(worker=STEADY) as run:
        program = run.pid_of("worker")
        run.process.kill()

        await_end(program)


def test_a_last_line_without_an_end_is_shown():
    with supervised(worker="import sys; sys.stdout.write('half'); raise SystemExit(1)") as run:
        assert run.line_with("half") == "worker | half"
        run.end()


def test_a_program_that_closes_its_output_goes_on_running():
    silent = "import os, time; os.close(1); os.close(2); time.sleep(60)"
    with supervised(worker=STEADY, silent=silent) as run:
        run.pid_of("worker")
        run.process.send_signal(signal.SIGTERM)

        assert run.end() == 0


def test_all_ends_when_nobody_reads_the_output_any_more():
    chatty = "import time\nwhile True: print('tick'); time.sleep(0.01)"
    with supervised(worker=chatty) as run:
        run.line_with("tick")
        assert run.process.stdout is not None
        run.process.stdout.close()

        assert run.process.wait(PATIENCE_SECONDS) == 0
