"""Takes out one protection at a time and shows that the checker sees it.

Run as `python -m tests.chaos.mutations [NAME …]`. Each protection is removed in a temporary copy of the tree;
the service runs from the copy, the checker from here. A run that stays green means that the suite, or the
protection, is worth nothing. Not part of `make test`: a run takes about two minutes.
"""

import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.__main__ import QUICK
from tests.chaos.faults import ALL
from tests.chaos.plan import Way
from tests.chaos.players import PLAYERS
from tests.chaos.proxy import ROOT
from tests.chaos.run import Options, run

#: What the service's processes need of the tree.
CODE = ("worker", "tasks", "integrations", "celeryconfig.py", "flowerconfig.py")


@dataclass(frozen=True)
class Edit:
    """A text of a file and what stands there instead. The text must be in the file."""

    file: str
    text: str
    instead: str


@dataclass(frozen=True)
class Mutation:
    """One protection taken out, and the faults that it protects from."""

    edits: Sequence[Edit]
    faults: Sequence[str]
    players: Mapping[frozenset[Way], int] = field(default_factory=lambda: PLAYERS)


_LOCK = ".with_for_update()"
_KILLS = ("kill -9 threads worker", "kill -9 commands worker", "kill -9 pool child")
MUTATIONS: Mapping[str, Mutation] = {
    "the command's unique key": Mutation(
        [
            Edit(
                "worker/db/migrations/versions/0001_the_first_schema.py",
                'sa.UniqueConstraint("account_id", "key", name=op.f("uq_command_account_id_key")),',
                "",
            )
        ],
        _KILLS,
    ),
    "the ticket's lock": Mutation(
        [
            Edit("worker/services/lanes.py", _LOCK, ""),
            Edit("worker/services/settling.py", _LOCK, ""),
        ],
        ("redis flushed",),
        # the copies of a task by hand meet at their ticket: without the lock some are applied twice at once
        {frozenset({Way.HAND}): 16},
    ),
    "the probe before a second try": Mutation(
        [
            Edit(
                "worker/services/pushing/claims.py",
                "if entry.state != OutboxState.PENDING and not repeatable:",
                "if False:",
            )
        ],
        ("psa: answer lost after it was stored", "psa: 500 timeout after it was stored"),
    ),
    "the draft's revision check": Mutation(
        [
            Edit(
                "worker/services/walks/notes.py",
                "    ensure_newer(revision=revision, current=draft.revision)\n",
                "",
            ),
            Edit(
                "worker/services/notes/saving.py",
                "    if save.revision <= draft.revision:\n        return None\n",
                "",
            ),
        ],
        _KILLS,
    ),
    "the sweep": Mutation(
        [
            Edit(
                "worker/services/sweep.py",
                "counts[kind] = _sweep_kind(tx, kind)",
                "counts[kind] = 0",
            )
        ],
        ("redis flushed", "kill -9 threads worker"),
    ),
}
SECONDS = 30.0
#: Where work is lost for good, waiting for it is in vain.
FINISH_SECONDS = 60.0
SETTLE_SECONDS = 60.0


def main(names: Sequence[str]) -> int:
    """Return 0 where every mutation was seen."""
    seen = {name: _is_seen(name, MUTATIONS[name]) for name in names or MUTATIONS}
    for name, verdict in seen.items():
        print(f"{'seen    ' if verdict else 'NOT SEEN'}  without {name}: {verdict}")  # noqa: T201 - the report
    return int(not all(seen.values()))


def _is_seen(name: str, mutation: Mutation) -> str:
    """Return what the checker found, empty where it found nothing."""
    print(f"\n=== without {name}", flush=True)  # noqa: T201 - the report
    with tempfile.TemporaryDirectory(prefix="tw-m-") as directory:
        tree = Path(directory)
        _copy(tree)
        for edit in mutation.edits:
            _apply(edit, tree)
        options = Options(
            seed=7,
            seconds=SECONDS,
            events_per_second=40,
            players=mutation.players,
            faults={fault: ALL[fault] for fault in mutation.faults},
            finish_seconds=FINISH_SECONDS,
            settle_seconds=SETTLE_SECONDS,
            settings=QUICK,
            tree=tree,
        )
        findings = run(options)
    return ", ".join(f"{kind.value} {len(lines)}" for kind, lines in findings.lines.items() if lines)


def _copy(tree: Path) -> None:
    for name in CODE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree / name)


def _apply(edit: Edit, tree: Path) -> None:
    file = tree / edit.file
    content = file.read_text()
    if edit.text not in content:
        raise SystemExit(f"{edit.file} no longer has: {edit.text}")
    file.write_text(content.replace(edit.text, edit.instead))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
