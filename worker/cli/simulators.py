"""`ticketwalk simulator`: a stateful stand-in for a PSA, to try things without one."""

from importlib import import_module
from typing import Annotated

import typer

from integrations.registry import PROVIDERS
from worker.errors import Refusal


def simulator(
    provider: Annotated[str, typer.Option(help="Any that `connection add` knows.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")],
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
) -> None:
    """Run a simulated PSA until Ctrl-C: tickets, notes, statuses, signed webhooks, faults on demand."""
    if provider not in PROVIDERS:
        raise typer.BadParameter(f"there is no simulator of {provider!r}; known are {', '.join(PROVIDERS)}")
    # imported by name: each brings a web framework, which no other command needs
    module = import_module(f"integrations.{provider}.simulator")
    try:
        module.serve(port, host, lambda url: typer.echo(f"{provider} simulator ready at {url}"))
    except OSError as error:
        raise Refusal("port_taken", f"cannot listen on {host}:{port}: {error.strerror}") from None
