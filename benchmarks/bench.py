"""The command line of the benchmark: run the measures, show the table, fail only where something was lost."""

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial

from benchmarks import notes, pacing, receiving, sharing, stepping, storming, turning, walling
from benchmarks.figures import Report, table
from benchmarks.stage import stage

MEASURES: Mapping[str, Callable[..., None]] = {
    "steps": stepping.measure,
    "turns": turning.measure,
    "walls": walling.measure,
    "storm": storming.measure,
    "pacing": pacing.measure,
    "notes": notes.measure,
    "sharing": sharing.measure,
    # the last: what it stores is never interpreted
    "receiver": receiving.measure,
}


def main() -> int:
    """Return 0, or 1 where something that was accepted did not come to its end."""
    given = _arguments()
    for name in [name for name in os.environ if name.startswith("TICKETWALK_")]:
        del os.environ[name]  # the caller's own servers are not to be measured
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is cleaned up
    paced = partial(pacing.measure, pushes=given.pushes, calls_per_minute=given.calls_per_minute)
    saved = partial(notes.measure, load=_load_of_notes(given))
    shared = partial(sharing.measure, events=given.events)
    measures = {**MEASURES, "pacing": paced, "notes": saved, "sharing": shared}
    report, machine, began = Report(), _machine(), time.monotonic()
    _say(_line(machine))
    with stage() as ready:
        for name in MEASURES if given.only is None else given.only:
            since = time.monotonic()
            measures[name](ready, report, given.rounds)
            _say(f"{name}: {time.monotonic() - since:.0f} s")
    machine["seconds"] = round(time.monotonic() - began)
    machine["load_after"] = _load()
    print(_json(machine, report) if given.json else _text(machine, report))
    return int(bool(report.lost))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=_count, default=3, help="how often each pair is measured in turn")
    parser.add_argument("--only", choices=MEASURES, action="append", help="one measure; may be repeated")
    parser.add_argument("--pushes", type=_count, default=pacing.PUSHES, help="of the measure pacing")
    parser.add_argument(
        "--calls-per-minute", type=_count, default=pacing.CALLS_PER_MINUTE, help="what its PSA allows"
    )
    load = notes.Load()
    parser.add_argument("--drafts", type=_count, default=load.drafts, help="notes: live drafts")
    parser.add_argument("--saves", type=_count, default=load.saves_per_second, help="notes: saves per second")
    parser.add_argument("--seconds", type=_count, default=load.seconds, help="notes: how long they are saved")
    parser.add_argument("--events", type=_count, default=sharing.EVENTS, help="sharing: of the storm")
    parser.add_argument("--json", action="store_true", help="the figures, with every round's, as JSON")
    return parser.parse_args()


def _load_of_notes(given: argparse.Namespace) -> notes.Load:
    return notes.Load(given.drafts, given.saves, given.seconds)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _machine() -> dict[str, object]:
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": _load(),
    }


def _load() -> float:
    """Return how many processes wanted a core in the last minute."""
    return round(os.getloadavg()[0], 1)


def _line(machine: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in machine.items())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _text(machine: Mapping[str, object], report: Report) -> str:
    remarks = [f"note: {remark}" for remark in report.remarks]
    lost = [f"LOST: {loss}" for loss in report.lost] or ["nothing was lost"]
    return "\n".join([table(report.figures), "", *remarks, *lost, _line(machine)])


def _json(machine: Mapping[str, object], report: Report) -> str:
    figures = [{**asdict(figure), **figure.summary()} for figure in report.figures]
    return json.dumps(
        {"machine": machine, "figures": figures, "remarks": report.remarks, "lost": report.lost}, indent=2
    )
