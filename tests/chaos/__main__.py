"""`make chaos MINUTES=10 [SEED=…] [KILLS=1000]`: break everything for a while, then check every promise."""

import argparse
import signal
import sys
import time
from pathlib import Path

from tests.chaos.faults import ALL, SLOW_TO_HEAL
from tests.chaos.run import Options, run

#: In a short run a push that was cut off is looked for after seconds, not after minutes.
QUICK = {"TICKETWALK_SENDING_LEASE_SECONDS": "20", "TICKETWALK_PROBE_AFTER_SECONDS": "10"}


def main() -> int:
    """Return 0 where every promise held, 1 where one was broken."""
    given = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is cleaned up
    # a job in a shell's background has it ignored, and so would every program that is to be stopped by it
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    options = Options(
        seed=given.seed if given.seed is not None else int(time.time()) % 1_000_000,
        seconds=given.minutes * 60,
        events_per_second=given.rate,
        kills=given.kills,
        faults={name: fault for name, fault in ALL.items() if not given.quick or name not in SLOW_TO_HEAL},
        settings=QUICK if given.quick else {},
        keep_logs=given.logs,
    )
    return int(bool(run(options)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long faults are caused")
    parser.add_argument("--seed", type=int, help="repeats the plan of an earlier run")
    parser.add_argument("--kills", type=int, default=0, help="only kill -9 of busy workers, so many")
    parser.add_argument("--rate", type=float, default=55.0, help="events begun per second")
    parser.add_argument("--quick", action="store_true", help="with short leases, for a run of a minute")
    parser.add_argument("--logs", type=Path, help="keep the programs' logs in this directory")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
