"""`ticketwalk simulator`: a stateful stand-in for a PSA, to try things without one."""

from typing import Annotated

import typer

from integrations.simulators import SIMULATORS, serve
from worker.errors import Refusal


def simulator(
    provider: Annotated[str, typer.Option(help=f"One of {', '.join(SIMULATORS)}.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")],
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
) -> None:
    """Run a simulated PSA until Ctrl-C: tickets, notes, statuses, signed webhooks, faults on demand."""
    if provider not in SIMULATORS:
        raise typer.BadParameter(f"there is no simulator of {provider!r}; known are {', '.join(SIMULATORS)}")
    try:
        serve(provider, port, host, lambda url: typer.echo(f"{provider} simulator ready at {url}"))
    except OSError as error:
        raise Refusal("port_taken", f"cannot listen on {host}:{port}: {error.strerror}") from None
