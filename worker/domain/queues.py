"""The queues, and how their liveness is judged."""

#: Where tasks wait: applying commands, calling PSAs, looking after everything.
QUEUES = ("commands", "psa", "maintenance")
#: What needs no PSA waits for none: a delivery that carries its command is interpreted here.
COMMANDS = QUEUES[0]
#: A canary is sent through each queue this often, in seconds.
CANARY_SECONDS = 10
#: A queue whose newest canary is older than this, in seconds, has no worker that works.
LATE_SECONDS = 3 * CANARY_SECONDS


def are_working(ages: dict[str, float]) -> bool:
    """Return whether every queue was drained lately. `ages`: seconds since its newest canary, by queue."""
    return all(ages.get(queue, LATE_SECONDS + 1) <= LATE_SECONDS for queue in QUEUES)
