"""`ticketwalk simulator`: a stateful stand-in for a PSA, to try things without one."""

from typing import Annotated

import typer

from integrations.connectwise import simulator as connectwise
from integrations.standard import simulator as standard
from worker.errors import Refusal

_SERVE = {"connectwise": connectwise.serve, "standard": standard.serve}


def simulator(
    provider: Annotated[str, typer.Option(help="connectwise or standard.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")],
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
) -> None:
    """Run a simulated PSA until Ctrl-C: tickets, notes, statuses, signed webhooks, faults on demand."""
    serve = _SERVE.get(provider)
    if serve is None:
        raise typer.BadParameter(f"there is no simulator of {provider!r}; known are {', '.join(_SERVE)}")
    try:
        serve(port, host, lambda url: typer.echo(f"{provider} simulator ready at {url}"))
    except OSError as error:
        raise Refusal("port_taken", f"cannot listen on {host}:{port}: {error.strerror}") from None
