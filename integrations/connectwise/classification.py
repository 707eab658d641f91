"""What ConnectWise's refusals mean. Its statuses say most; a few sentences say more. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from integrations.answers import Answer, NotFoundError
from integrations.connectwise.mapping import words
from integrations.errors import AmbiguousError, CallError, RejectedError, ThrottledError, UnreachableError


class Verdict(StrEnum):
    """TRANSIENT: nothing was done, ask again. AMBIGUOUS: a write may have been done. PERMANENT: never."""

    TRANSIENT = "transient"
    AMBIGUOUS = "ambiguous"
    PERMANENT = "permanent"


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of refusal: its status (None: any) and words (case does not matter; empty: any)."""

    status: int | None
    words: str
    verdict: Verdict
    source: str


#: The first row that fits decides; what fits none is decided by integrations.answers.
TABLE: tuple[Row, ...] = (
    Row(None, "SSL is required", Verdict.PERMANENT, "Developer Guide, Authentication: https or nothing"),
    Row(
        500,
        "a timeout has occured",
        Verdict.AMBIGUOUS,
        "HealthITAU/pyconnectwise retries it; tier2tickets/feedback#66 got its ticket twice",
    ),
    Row(
        500,
        "max pool size was reached",
        Verdict.AMBIGUOUS,
        "HealthITAU/pyconnectwise; a save takes several connections, so the first part may stand",
    ),
    Row(
        400,
        "matching callback entry already exists",
        Verdict.PERMANENT,
        "amp-labs/connectors, captured: a second registration like one that stands",
    ),
    Row(
        400,
        "choose where to display the notes",
        Verdict.PERMANENT,
        "integrators' observation: a note without any of its three flags",
    ),
    Row(404, "endpoint does not exist", Verdict.PERMANENT, "integrators' observation: wrong path, no record"),
    Row(400, "", Verdict.PERMANENT, 'Developer Guide, HTTP codes: "do not retry"'),
    Row(401, "", Verdict.PERMANENT, "Developer Guide, HTTP codes: credentials"),
    Row(403, "", Verdict.PERMANENT, "Developer Guide, HTTP codes: security role"),
    Row(404, "", Verdict.PERMANENT, "Developer Guide, HTTP codes: no such record"),
    Row(405, "", Verdict.PERMANENT, "Developer Guide, HTTP codes: method"),
    Row(409, "", Verdict.TRANSIENT, "Developer Guide, HTTP codes: the record may be in use"),
    Row(415, "", Verdict.PERMANENT, "Developer Guide, HTTP codes: content type"),
    Row(429, "", Verdict.TRANSIENT, "Developer Guide, Rate limiting: Retry-After in seconds"),
    Row(500, "", Verdict.AMBIGUOUS, "Developer Guide, HTTP codes; whether a save stands is not said"),
)


def verdict(status: int, text: str) -> Verdict | None:
    """Return what an answer with this status and these words means; None where the table does not say."""
    folded = text.casefold()
    for row in TABLE:
        if row.status in {None, status} and row.words.casefold() in folded:
            return row.verdict
    return None


def judged(error: CallError, answer: Answer, *, write: bool) -> CallError:
    """Return the error that the answer means. `error` is what its status alone means, with redacted words.

    A refusal that names its own wait, or that no record is there, stays what it is.
    """
    meaning = verdict(answer.status, words(answer))
    if meaning is None or isinstance(error, ThrottledError | NotFoundError):
        return error
    if meaning is Verdict.PERMANENT:
        return RejectedError(str(error))
    if meaning is Verdict.AMBIGUOUS and write:
        return AmbiguousError(str(error))
    return UnreachableError(str(error))
