"""What Autotask means by an error. It says most things with HTTP 500, so its words decide.

Other 500s are as unclear as anybody's: a write may have been done, a read may be repeated.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from integrations.answers import Answer, NotFoundError
from integrations.errors import (
    AmbiguousError,
    CallError,
    PayloadError,
    RejectedError,
    ThrottledError,
    UnreachableError,
)

UNAUTHORIZED, TOO_MANY, SERVICE_UNAVAILABLE = 401, 429, 503
#: Statuses that mean what they say everywhere, whatever the text: 401 wrong credentials or zone, 429 and
#: 503 wait.
DECIDED_BY_STATUS = frozenset({UNAUTHORIZED, TOO_MANY, SERVICE_UNAVAILABLE})

#: A call that holds a thread is mostly done within seconds; the vendor ends it after 5 minutes
#: (developer help, "Thread limiting"). n8n-nodes-autotask starts at 1 s and doubles.
THREAD_WAIT = timedelta(seconds=5)

NO_WORDS = "no explanation given"
WORDS_SHOWN = 3


class UnauthorizedError(RejectedError):
    """The credentials do not fit, or the connection's zone has moved."""


class Meaning(StrEnum):
    """NOT_FOUND and PERMANENT: nothing was done, nor will be. THROTTLED: not done, later it may be.

    AMBIGUOUS: a write may have been done.
    """

    NOT_FOUND = "not found"
    PERMANENT = "permanent"
    THROTTLED = "throttled"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class Row:
    """A text that Autotask answers with, what it means, and who saw it."""

    pattern: re.Pattern[str]
    meaning: Meaning
    source: str


def _row(pattern: str, meaning: Meaning, source: str) -> Row:
    return Row(re.compile(pattern, re.IGNORECASE), meaning, source)


#: The first row that fits decides.
TABLE: tuple[Row, ...] = (
    _row(
        r"itgenatr005|thread (threshold|limit)",
        Meaning.THROTTLED,
        "developer help, Thread limiting; msoukhomlinov/n8n-nodes-autotask (may not be a 429)",
    ),
    _row(
        r"no matching records found",
        Meaning.NOT_FOUND,
        "KerkhoffTechnologies/django-autotask api.py; n8n-nodes-autotask (DELETE of an absent webhook)",
    ),
    _row(
        r"does not have the (adequate|required) permissions|do not have permission",
        Meaning.PERMANENT,
        "KerkhoffTechnologies/django-autotask api.py",
    ),
    _row(
        r"value does not exist for the required field",
        Meaning.PERMANENT,
        "ecitsolutions/Autotask issue 3; answered for missing and for null members",
    ),
    _row(
        r"reference value on field|does not exist or is invalid|does not reference an existing entity",
        Meaning.PERMANENT,
        "n8n-nodes-autotask changelog 2.0.3",
    ),
    _row(
        r"must have (a|an|at least one of) \w+",
        Meaning.PERMANENT,
        'integrators\' notes on TimeEntries ("TimeEntries for Tickets must have a roleID")',
    ),
    _row(
        r"value of field|invalid value|maximum length",
        Meaning.PERMANENT,
        "validation of a field's value comes as HTTP 500 (integrators' observations)",
    ),
    _row(
        r"unable to find .+ in the .+ entity",
        Meaning.PERMANENT,
        "query on a field that the entity does not have (integrators' observations)",
    ),
    _row(
        r"time-?out|timed out",
        Meaning.AMBIGUOUS,
        "a call is ended after 5 minutes (developer help, Thread limiting); what it did stands",
    ),
)


def judged(error: CallError, answer: Answer, *, write: bool) -> CallError:
    """Return what a refused answer means. `error` is what its status alone means, with redacted words."""
    if answer.status == UNAUTHORIZED:
        return UnauthorizedError(str(error))
    row = None if answer.status in DECIDED_BY_STATUS else _first_fit(" ".join(_words(answer)))
    return error if row is None else _as_error(row.meaning, str(error), write=write)


def words(answer: Answer) -> str:
    """Return Autotask's own explanation out of `{"errors": [text, …]}`."""
    return "; ".join(_words(answer)[:WORDS_SHOWN]) or NO_WORDS


def _first_fit(text: str) -> Row | None:
    return next((row for row in TABLE if row.pattern.search(text)), None)


def _as_error(meaning: Meaning, text: str, *, write: bool) -> CallError:
    match meaning:
        case Meaning.NOT_FOUND:
            return NotFoundError(text)
        case Meaning.PERMANENT:
            return RejectedError(text)
        case Meaning.THROTTLED:
            return ThrottledError(text, retry_after=THREAD_WAIT)
        case Meaning.AMBIGUOUS:
            return AmbiguousError(text) if write else UnreachableError(text)


def _words(answer: Answer) -> list[str]:
    try:
        value = answer.json()
    except PayloadError:
        return ["the answer is not JSON"]
    if not isinstance(value, dict):
        return []
    told = {name.lower(): item for name, item in value.items()}
    errors = told.get("errors")
    said = [_sentence(item) for item in errors] if isinstance(errors, list) else []
    return [sentence for sentence in (*said, _sentence(told.get("message"))) if sentence]


def _sentence(item: object) -> str:
    if isinstance(item, dict):
        item = item.get("message")
    return item.strip() if isinstance(item, str) else ""
