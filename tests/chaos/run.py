"""One run: a world, its players, a storm; then calm until everything is settled; then the verdict."""

import shutil
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.chaos import report
from tests.chaos.checker import judge, whatever_is_open
from tests.chaos.faults import ALL, Fault
from tests.chaos.findings import Findings, Kind
from tests.chaos.hand import HandSender
from tests.chaos.plan import Way
from tests.chaos.players import PLAYERS, Pace, Players, Senders
from tests.chaos.proxy import ROOT
from tests.chaos.sender import Sender
from tests.chaos.servers import open_work
from tests.chaos.storm import Storm
from tests.chaos.tally import Tally
from tests.chaos.technician import Technician
from tests.chaos.world import PSA, STANDARD, World

#: Wait between two looks at what is open, in seconds.
LOOK_SECONDS = 0.5
#: Looks in a row that find nothing open: an entry may be made between two counts.
CALM_LOOKS = 3
#: After so many seconds without Redis something must have been accepted meanwhile.
LONG_WITHOUT_REDIS_SECONDS = 5.0


@dataclass(frozen=True)
class Options:
    """What a run is to be. `kills`: instead of a storm of all faults, so many kill -9 of busy workers."""

    seed: int
    seconds: float
    events_per_second: float = 55.0
    kills: int = 0
    players: Mapping[frozenset[Way], int] = field(default_factory=lambda: PLAYERS)
    faults: Mapping[str, Fault] = field(default_factory=lambda: ALL)
    #: A killed push is known 120 s later, looked for twice in 60 s, and then sent again.
    settle_seconds: float = 420.0
    #: Tickets that were begun are played to their end within this, in seconds, once the faults are over.
    finish_seconds: float = 300.0
    settings: Mapping[str, str] = field(default_factory=dict)
    tree: Path = ROOT
    keep_logs: Path | None = None


def run(options: Options) -> Findings:
    """Run once and print how it went."""
    _say(f"chaos, seed {options.seed}: starting the world")
    with World(tree=options.tree, settings=options.settings) as world:
        tally, gave_up = Tally(), threading.Event()
        storm = Storm(world, seed=options.seed)
        players = _players(world, tally, options, gave_up)
        began = time.monotonic()
        players.start()
        try:
            _break_things(storm, options)
            _end_faults(world)
            _say(f"the faults are over after {storm.seconds:.0f} s; waiting until everything is settled")
            players.finish(options.finish_seconds)
        finally:
            players.give_up()
        sent = time.monotonic()
        settled = _settle(world, options.settle_seconds)
        rates = report.Rates(sent - began, time.monotonic() - sent, settled)
        findings = judge(world, tally)
        _check_without_redis(findings, tally, storm)
        _tell(world, tally, storm, findings, rates)
        if options.keep_logs is not None:
            _keep_logs(world, options.keep_logs)
    return findings


def _players(world: World, tally: Tally, options: Options, gave_up: threading.Event) -> Players:
    hand = HandSender(world.broker_url, world.servers, tally, gave_up)
    senders = Senders(
        webhooks={
            tenant: Sender(world.urls[name], world.tool.secret, tally, gave_up)
            for tenant, name in enumerate(STANDARD)
        },
        hand=hand,
        technician=Technician(world.psa, hand, PSA, tally, gave_up),
        hand_connection=STANDARD[0],
    )
    pace = Pace(options.events_per_second)
    return Players(senders, tally, pace, players=options.players, seed=options.seed, gave_up=gave_up)


def _break_things(storm: Storm, options: Options) -> None:
    if options.kills:
        storm.kill(options.kills)
    else:
        storm.rage(options.faults, seconds=options.seconds)


def _end_faults(world: World) -> None:
    world.psa.faults.clear()
    world.tool.faults.clear()


def _settle(world: World, seconds: float) -> bool:
    """Return whether nothing was open any more in time."""
    pause, deadline, calm = threading.Event(), time.monotonic() + seconds, 0
    while calm < CALM_LOOKS:
        if time.monotonic() > deadline:
            return False
        pause.wait(LOOK_SECONDS)
        try:
            calm = 0 if any(open_work(world.servers).values()) else calm + 1
        except psycopg.Error:
            calm = 0
    return True


def _check_without_redis(findings: Findings, tally: Tally, storm: Storm) -> None:
    """P1: deliveries are accepted while Redis is away. A second or two may fall into a receiver's restart."""
    away = sum(until - since for since, until in storm.without_redis)
    if away > LONG_WITHOUT_REDIS_SECONDS and not report.accepted_without_redis(tally, storm):
        findings.add(Kind.OTHER, f"nothing was accepted in the {away:.0f} s that Redis was away")


def _tell(world: World, tally: Tally, storm: Storm, findings: Findings, rates: report.Rates) -> None:
    met = sum(1 for log in (world.psa.log, world.tool.log) for entry in log.all() if entry.fault)
    for line in report.lines(tally, storm, findings, rates, world.servers, met):
        _say(line)
    for line in sorted(f"{name}: {number}" for name, number in world.fleet.ended.items()):
        _say(f"  ended {line}")
    if not rates.settled:
        for line in whatever_is_open(world.servers):
            _say(f"  open: {line}")


def _keep_logs(world: World, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for log in (*world.directory.glob("*.log"), *world.directory.glob("servers/log/*.log")):
        shutil.copy(log, directory)


def _say(line: str) -> None:
    print(line, file=sys.stdout, flush=True)  # noqa: T201 - the run's report
