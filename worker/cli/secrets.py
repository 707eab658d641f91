"""`ticketwalk secrets …`: the keys that credentials and webhook secrets are sealed with."""

import typer
from cryptography.fernet import Fernet

from worker.cli.output import AsJson, print_record
from worker.cli.session import context
from worker.services.resealing import reseal_all

app = typer.Typer(
    name="secrets",
    help="The keys that connections are sealed with (TICKETWALK_SECRET_KEYS).",
    no_args_is_help=True,
)


@app.command("new-key")
def new_key() -> None:
    """Print a new key. Nothing uses it before it stands first in TICKETWALK_SECRET_KEYS."""
    typer.echo(Fernet.generate_key().decode())


@app.command("rotate")
def rotate(as_json: AsJson = False) -> int:
    """Seal every connection with the first key, so that older keys can go. Safe to repeat and to interrupt.

    Exit 1 where a connection opens with none of the keys; it is named, and left as it is.
    """
    done = reseal_all(context())
    record = {"resealed": done.resealed, "under_first_key": done.current, "unopened": list(done.unopened)}
    print_record(record, as_json=as_json)
    return int(bool(done.unopened))
