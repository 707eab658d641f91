"""Who does a repair or a change: recorded with it."""

import getpass
import os
from typing import Annotated

import typer

Operator = Annotated[str | None, typer.Option("--by", help="Who does it; default: you.")]


def operator(by: str | None) -> str:
    """Return who does it; a user id that has no name, as in some containers, is the number."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.geteuid()}"
