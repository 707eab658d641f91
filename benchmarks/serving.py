"""The whole service, running: what `ticketwalk up` runs, but for Flower and the keeper of the servers."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.running import answers, running, wait_for
from benchmarks.stage import Stage
from worker.demo.service import free_port
from worker.runtime.programs import Ports, programs

#: Processes that apply commands and flush.
CONCURRENCY = 2


@dataclass(frozen=True, slots=True)
class Side:
    """A service that runs: where it receives, and its processes."""

    url: str
    pids: Mapping[str, int]


@contextmanager
def the_service(stage: Stage) -> Iterator[Side]:
    """Run the programs on the stage's servers."""
    ports = Ports(receiver=free_port(), flower=None)
    home = f"http://127.0.0.1:{ports.receiver}"
    pids = {}
    with ExitStack() as stack:
        for program in programs(stage.settings, ports, concurrency=CONCURRENCY):
            if program.name != "keeper":
                log = stage.settings.home / f"{program.name}.log"
                pids[program.name] = stack.enter_context(running(program.argv, stage.environment, log))
        wait_for("the receiver's start", lambda: answers(f"{home}/readyz"))
        yield Side(f"{home}/webhooks/standard/{stage.connection_id}", pids)
