"""The output of several programs on one screen, each line behind its program's name."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import BinaryIO

from worker.domain.text import visible

#: ANSI foreground colours for programs that name none: cyan, green, magenta, yellow, blue. Red means trouble.
COLOURS = (36, 32, 35, 33, 34)


class Console:
    """Writes whole lines at once, so that programs never tear each other's."""

    def __init__(self, output: BinaryIO, names: Sequence[str], *, is_coloured: bool) -> None:
        self._output = output
        self._width = max(map(len, names), default=0)
        self._colours = (
            {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)} if is_coloured else {}
        )
        self.is_broken = False

    def show(self, name: str, lines: Iterable[bytes], *, colour: int | None = None) -> None:
        """Write the lines behind the name. A reader that has gone sets `is_broken` and is not an error."""
        prefix = self._prefix(name, colour)
        text = b"".join(prefix + _harmless(line) + b"\n" for line in lines)
        try:
            self._output.write(text)
            self._output.flush()
        except BrokenPipeError:
            self.is_broken = True
            _discard_from_now_on(self._output)

    def _prefix(self, name: str, colour: int | None) -> bytes:
        padded = f"{name:<{self._width}} | "
        if name in self._colours:
            padded = f"\x1b[{colour or self._colours[name]}m{padded}\x1b[0m"
        return padded.encode()


def _harmless(line: bytes) -> bytes:
    """A program's line may repeat what a stranger sent; only the prefix may colour or steer the screen."""
    return visible(line.decode("utf-8", "replace"), kept="\t").encode()


def wants_colour(output: BinaryIO, environ: Mapping[str, str]) -> bool:
    """NO_COLOR (no-color.org) wins over FORCE_COLOR (force-color.org), which wins over what the output is."""
    if environ.get("NO_COLOR"):
        return False
    return bool(environ.get("FORCE_COLOR")) or output.isatty()


def _discard_from_now_on(output: BinaryIO) -> None:
    """Lead the output to nowhere; the interpreter would fail once more when it flushes it at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, output.fileno())
    os.close(nowhere)
