"""The credentials of a HaloPSA connection: what must be given, what may be, and what each may hold."""

import re
from dataclasses import dataclass

from integrations.halopsa.mapping import DEFAULT_OUTCOME_ID
from integrations.halopsa.oauth import TENANT
from integrations.ports import Link

#: API application of the kind "Client ID and Secret (Services)" (HaloPSA guides).
CREDENTIAL_NAMES: tuple[str, ...] = ("client_id", "client_secret")
#: Optional: the agent as whom the application logs in, by number, and the application's name in HaloPSA.
#: By either of them this service's own notes are recognised.
AGENT_ID = "agent_id"
APPLICATION = "application"
#: Optional: the outcome that notes are written with.
OUTCOME_ID = "outcome_id"
#: Optional: the notification events that fire the webhook, as numbers with commas between.
EVENT_NUMBERS = "event_numbers"
OPTIONAL_NAMES: tuple[str, ...] = (TENANT, AGENT_ID, APPLICATION, OUTCOME_ID, EVENT_NUMBERS)

#: Logged, updated by user, closed, status changed, deleted (redanthrax/halopsa-node). Numbers may differ by
#: version; the number of the picker's "Ticket Changed" is not published.
DEFAULT_EVENT_NUMBERS = (3, 19, 39, 76, 1072)

NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """The optional credentials, read."""

    agent_id: str | None
    application: str | None
    outcome_id: int
    event_numbers: tuple[int, ...]


def read_settings(link: Link) -> Settings:
    """Return the settings. Raises ValueError with one plain sentence."""
    given = link.credentials
    return Settings(
        agent_id=str(_number(AGENT_ID, given[AGENT_ID])) if AGENT_ID in given else None,
        application=given.get(APPLICATION),
        outcome_id=_number(OUTCOME_ID, given[OUTCOME_ID]) if OUTCOME_ID in given else DEFAULT_OUTCOME_ID,
        event_numbers=_numbers(given[EVENT_NUMBERS]) if EVENT_NUMBERS in given else DEFAULT_EVENT_NUMBERS,
    )


def check_credentials(link: Link) -> None:
    """Raise ValueError with one plain sentence where the credentials cannot work as given."""
    for name in CREDENTIAL_NAMES:
        if not link.credentials.get(name, "").strip():
            raise ValueError(f"HaloPSA needs the credential {name}")
    for name, value in link.credentials.items():
        if name not in {*CREDENTIAL_NAMES, *OPTIONAL_NAMES}:
            raise ValueError(f"HaloPSA knows no credential {name}")
        if not value.strip() or not value.isprintable() or value != value.strip():
            raise ValueError(f"the credential {name} is empty, or begins or ends with a space")
    read_settings(link)


def _number(name: str, value: str) -> int:
    if not NUMBER.fullmatch(value):
        raise ValueError(f"the credential {name} is HaloPSA's number, as in 7")
    return int(value)


def _numbers(value: str) -> tuple[int, ...]:
    return tuple(dict.fromkeys(_number(EVENT_NUMBERS, part.strip()) for part in value.split(",")))
