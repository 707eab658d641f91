"""How the demo shows its stages."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TypeVar

from rich.console import Console
from rich.markup import escape

T = TypeVar("T")

#: Wait between two looks, in seconds.
LOOK_SECONDS = 0.05
#: How long a stage may take, in seconds; each takes well under one on an idle machine.
STAGE_SECONDS = 60.0
#: Lines of the service's log shown when a stage fails.
LOG_LINES = 25


class DemoError(Exception):
    """A stage did not come to its end."""


class Stage:
    """Prints stages, and knows which one is running."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._number = 0
        self._name = ""
        self._began = time.monotonic()

    def begin(self, name: str) -> None:
        """Start the next stage."""
        self._number += 1
        self._name = name
        self._began = time.monotonic()
        self._console.print(f"[bold cyan]{self._number:>2}[/] [bold]{escape(name)}[/]")

    def note(self, text: str) -> None:
        """Say what happened, indented below the stage."""
        for line in text.splitlines() or [""]:
            self._console.print(f"   {escape(line)}")

    def took(self, text: str) -> None:
        """Say what happened, and how long it took."""
        self._console.print(f"   {escape(text)} [dim]({time.monotonic() - self._began:.1f} s)[/]")

    def done(self, text: str) -> None:
        """Say that everything succeeded."""
        self._console.print(f"\n[bold green]The demo succeeded.[/] {escape(text)}")

    def failed(self, error: DemoError, *, log: Path) -> None:
        """Say which stage failed, why, and what the service said last."""
        self._console.print(f"\n[bold red]The demo failed in stage {self._number} ({escape(self._name)}):[/]")
        self.note(str(error))
        if log.exists():
            self.note("the service's last lines:")
            for line in log.read_text(errors="replace").splitlines()[-LOG_LINES:]:
                self.note(f"  {line}")


def wait_for(what: str, look: Callable[[], T | None], *, seconds: float = STAGE_SECONDS) -> T:
    """Return the first answer that is not None (or False). Raises DemoError once the time is over."""
    deadline = time.monotonic() + seconds
    while not (answer := look()):
        if time.monotonic() > deadline:
            raise DemoError(f"{what} did not happen within {seconds:g} s")
        Event().wait(LOOK_SECONDS)
    return answer
