"""What can be changed about the simulator while it runs."""

from dataclasses import dataclass

#: "Any items that were created or changed within the minute prior to your request are excluded".
EXPORT_LAG_SECONDS = 60.0


@dataclass(slots=True)
class Settings:
    """How webhooks are sent, and how late the export lists a change. `on` false: no webhooks.

    `timeout_seconds` is how long a receiver may take; `retry_seconds` is what lies between two attempts.
    """

    on: bool = True
    timeout_seconds: float = 10.0
    retry_seconds: float = 1.0
    export_lag_seconds: float = EXPORT_LAG_SECONDS
