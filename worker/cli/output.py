"""How commands print: tables for people, JSON for programs. What people wrote is never taken for markup."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from worker.domain.text import visible

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Rows at the most, newest first.")]
OfAccount = Annotated[str | None, typer.Option("--account", help="Only this account (name or id).")]


def print_json(value: Any) -> None:
    """Print a value as JSON, readable at a terminal, one line in a pipe."""
    indent = 2 if sys.stdout.isatty() else None
    typer.echo(json.dumps(value, indent=indent, default=str))


def print_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str) -> None:
    """Print rows of the same shape."""
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        typer.echo(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(printable(value) for value in row.values()))
    console().print(table)


def print_record(record: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one record, a line per field."""
    if as_json:
        print_json(record)
        return
    width = max(len(name) for name in record)
    for name, value in record.items():
        console().print(
            Text(f"{name.replace('_', ' '):<{width}}  ", style="bold"), printable(value), end="\n"
        )


def printable(value: Any) -> Text:
    """Return a value as text that cannot steer the terminal."""
    if value is None:
        return Text("-", style="dim")
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return Text(visible(text, kept="\n"))


def console() -> Console:
    """Return the console that tables go to; never narrower than a table needs in a pipe."""
    return Console(
        width=None if sys.stdout.isatty() else 200, highlight=False, soft_wrap=not sys.stdout.isatty()
    )
