"""Measure 5: notes: writes spared, how late they are under load, the CPU of a save, the table's size."""

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import text

from benchmarks.drafts import Drafts, TableSize, make_drafts
from benchmarks.figures import Figure, Report, percentile
from benchmarks.running import running, wait_for
from benchmarks.sending import send_saves
from benchmarks.serving import the_service
from benchmarks.stage import Stage
from benchmarks.usage import cpu_seconds, server_pids
from worker.domain.notes import LATER_MS
from worker.services.notes.tally import tally

BURST, BURST_SECONDS = 1_000, 5.0
#: Saves whose CPU is measured each time: several hundred ticks of the kernel's clock, 10 ms each.
CPU_SAVES = 400
#: Drafts that are dirty in the smaller state.
FEW = 100
#: Saves per transaction of the load, as deliveries that came together.
TOGETHER = 25
WORKERS = 2
#: Looks at the drafts' table while they are saved, the one at the end included: every ten minutes of an hour.
LOOKS = 6


@dataclass(frozen=True, slots=True)
class Load:
    """How much there is to do: live drafts, saves per second over them, and for how long, in seconds."""

    drafts: int = 1_000
    saves_per_second: int = 100
    seconds: int = 20
    seed: int = 20261123


def measure(stage: Stage, report: Report, rounds: int, load: Load) -> None:
    """Measure the burst through the whole service; then the load with two workers; then one save's CPU."""
    _burst(stage, report)
    drafts = make_drafts(stage, load.drafts, seed=load.seed)
    report.remarks.append(f"notes: {load}")
    _cpu(drafts, report, rounds)
    _under_load(drafts, report, load)


def _burst(stage: Stage, report: Report) -> None:
    """Send saves of one walk's notes to the receiver, and count what the walk has of them."""
    walk = stage.start_walk()
    with the_service(stage) as service, _counted(stage, "l1_walk_session"):
        sent = send_saves(service.url, stage.secret, walk, BURST, seconds=BURST_SECONDS)
        last = "SELECT written_revision FROM note_draft WHERE session_id = :id"
        with suppress(TimeoutError):  # what is missing is told
            wait_for("the last save", lambda: stage.count(last, id=walk.session_id) == BURST, seconds=60)
        written = stage.count(last, id=walk.session_id)
        writes = stage.count("SELECT count(*) FROM bench_written")
    report.expect("the last revision of the burst", found=written, wanted=BURST)
    report.figures.append(
        Figure("notes: a burst", "row writes", "", "of the walk", "saves", [float(writes)], [float(BURST)])
    )
    report.remarks.append(f"notes: {BURST} saves of one walk were accepted in {sent.seconds:.1f} s")


def _cpu(drafts: Drafts, report: Report, rounds: int) -> None:
    """Save one by one, with few drafts dirty and with all of them, by turns; no worker runs."""
    few, many = [], []
    for _ in range(rounds):
        for found, dirty in ((few, FEW), (many, len(drafts.sessions))):
            _have_dirty(drafts, dirty)
            found.append(_cost(drafts))
    names = (f"{len(drafts.sessions)} dirty drafts", f"{FEW} dirty drafts")
    report.figures.append(Figure("notes: one save of 5 KB", "server cpu", "ms", *names, many, few))


def _cost(drafts: Drafts) -> float:
    """Return the processor milliseconds of PostgreSQL per save."""
    postgres = server_pids(drafts.stage.settings.home_of_servers)["postgres"]
    before = cpu_seconds([postgres])
    for place in range(CPU_SAVES):
        drafts.save([drafts.sessions[place % FEW]])
    return 1000 * (cpu_seconds([postgres]) - before) / CPU_SAVES


def _have_dirty(drafts: Drafts, number: int) -> None:
    """So many are dirty and due much later; what that has left behind is taken away first."""
    query = """
        UPDATE note_draft SET first_dirty_at = later, due_at = later, unwritten_saves = 0
        FROM (
            SELECT session_id, CASE WHEN row_number() OVER (ORDER BY session_id = ANY(:first) DESC) <= :number
                THEN now() + interval '1 hour' END AS later
            FROM note_draft
        ) chosen
        WHERE chosen.session_id = note_draft.session_id
    """
    with drafts.stage.database.begin() as connection:
        connection.execute(text(query), {"number": number, "first": list(drafts.sessions[:FEW])})
    with drafts.stage.database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM note_draft"))


def _under_load(drafts: Drafts, report: Report, load: Load) -> None:
    """Keep saving while two workers flush; look at the table on the way."""
    stage = drafts.stage
    _have_dirty(drafts, 0)
    before = tally(stage.context)
    with _workers(stage), _counted(stage, "note_draft"):
        sizes = [drafts.table()]
        reached = _keep_saving(drafts, load, sizes)
        with suppress(TimeoutError):
            wait_for("the last flush", lambda: drafts.dirty() == 0, seconds=60)
        report.expect("drafts written after the load", found=-drafts.dirty(), wanted=0)
        late = _lateness(stage)
    after = tally(stage.context)
    writes, saves = after.writes - before.writes, after.saves - before.saves
    report.expect("saves that were written", found=saves, wanted=reached)
    report.figures.append(
        Figure("notes: under load", "row writes", "", "of walks", "saves", [float(writes)], [float(saves)])
    )
    report.remarks += [
        f"notes: {reached / load.seconds:.0f} saves/s into {load.drafts} drafts for {load.seconds} s",
        f"notes: a flush was late by {_percentiles(late)}",
        f"notes: late by at most: {_within(before.within, after.within)}",
        *_sizes(sizes, load.seconds),
    ]
    report.figures.append(
        Figure(
            "notes: the table",
            "size",
            "MB",
            "at the end",
            "half way",
            [sizes[-1].size / 1e6],
            [sizes[len(sizes) // 2].size / 1e6],
        )
    )


def _keep_saving(drafts: Drafts, load: Load, sizes: list[TableSize]) -> int:
    """Save at the given rate, looking at the table on the way and at the end. Return how many saves."""
    began, made = time.monotonic(), 0
    wanted = load.saves_per_second * load.seconds
    while (passed := time.monotonic() - began) < load.seconds:
        if passed > len(sizes) * load.seconds / LOOKS:
            sizes.append(drafts.table())
        if made < min(wanted, load.saves_per_second * passed):
            drafts.save(drafts.any(TOGETHER))
            made += TOGETHER
        else:
            threading.Event().wait(0.005)
    sizes.append(drafts.table())
    return made


def _lateness(stage: Stage) -> Sequence[float]:
    with stage.database.begin() as connection:
        found = connection.execute(text("SELECT late FROM bench_written WHERE late IS NOT NULL"))
        return [float(late) for late in found.scalars()]


def _percentiles(late: Sequence[float]) -> str:
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "at most": 1.0}
    return ", ".join(f"{name} {percentile(late, share):.2f} s" for name, share in shares.items())


def _within(before: dict[int, int], after: dict[int, int]) -> str:
    """Return the tally's cumulative shares."""
    counts = {bound: after[bound] - before[bound] for bound in after}
    whole = max(1, counts[LATER_MS])
    shares = {bound: f"{100 * count / whole:.1f}%" for bound, count in counts.items() if bound != LATER_MS}
    return ", ".join(f"{bound / 1000:g} s {share}" for bound, share in shares.items())


def _sizes(sizes: Sequence[TableSize], seconds: int) -> Iterator[str]:
    for look, table in enumerate(sizes):
        updates, hot = table.updates - sizes[0].updates, table.hot - sizes[0].hot
        share = f", {100 * hot / updates:.0f}% of {updates} updates in their page (HOT)" if updates else ""
        size = f"{table.size / 1e6:.1f} MB, {table.dead} dead rows"
        yield f"notes: table after {look * seconds / LOOKS:.0f} s: {size}{share}"


@contextmanager
def _counted(stage: Stage, table: str) -> Iterator[None]:
    """Keep a line for each row of the table that is written; of a flushed draft, how late it was."""
    late = "NULL"
    if table == "note_draft":
        late = (
            "CASE WHEN NEW.written_revision > OLD.written_revision"
            " THEN extract(epoch FROM clock_timestamp() - OLD.due_at)::float8 END"
        )
    body = f"BEGIN INSERT INTO bench_written VALUES ({late}); RETURN NULL; END"  # noqa: S608 - our own text
    make = [
        "CREATE UNLOGGED TABLE bench_written (late float8)",
        f"CREATE FUNCTION bench_written() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ {body} $$",
        f"CREATE TRIGGER bench_written AFTER UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION bench_written()",
    ]
    drop = [
        f"DROP TRIGGER bench_written ON {table}",
        "DROP FUNCTION bench_written()",
        "DROP TABLE bench_written",
    ]
    _run(stage, make)
    try:
        yield
    finally:
        _run(stage, drop)


def _run(stage: Stage, statements: Sequence[str]) -> None:
    with stage.database.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@contextmanager
def _workers(stage: Stage) -> Iterator[None]:
    """Run one worker of two processes: their timers look for due drafts, no beat does."""
    argv = (sys.executable, "-m", "celery", "-A", "worker", "worker", "-Q", "commands,maintenance")
    quiet = ("--without-gossip", "--without-mingle", "-c", str(WORKERS))
    log = stage.settings.home / "flushing.log"
    with running((*argv, *quiet), stage.environment, log):
        wait_for("the worker's start", lambda: "ready." in log.read_text(errors="replace"))
        yield
