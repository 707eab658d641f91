"""`python -m worker` is `ticketwalk`: how the service starts its own parts, whatever is on the PATH."""

from worker.cli import main

main()
