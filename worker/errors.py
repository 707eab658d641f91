"""What the service itself can refuse or fail with.

    TicketwalkError           one plain sentence for a person; never a secret, never a payload
    ├── ConfigurationError    the settings or the machine must be changed first
    ├── StoreUnavailableError Postgres does not answer; nothing was stored
    ├── Refusal               permanently wrong; kept with its reason, never tried again
    └── TransientError        wrong just now; tried again later

Failures of a PSA call have a tree of their own in `integrations.errors`.
"""

from collections.abc import Mapping
from typing import Any


class TicketwalkError(Exception):
    """One plain sentence that says what is wrong and what to do."""


class ConfigurationError(TicketwalkError):
    """The settings or the machine must be changed first."""


class StoreUnavailableError(TicketwalkError):
    """Postgres does not answer just now; nothing was stored."""


class TransientError(TicketwalkError):
    """Wrong just now; the same command may succeed later."""


class Refusal(TicketwalkError):  # noqa: N818 - the field's word: a refused command is an outcome, not a fault
    """Permanently wrong. `code` is for programs, the sentence for people, `details` are typed facts.

    Example: `Refusal("stale", "revision 3 is older than 7", current_revision=7)`.
    """

    def __init__(self, code: str, sentence: str, **details: Any) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.details: Mapping[str, Any] = details
