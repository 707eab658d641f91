"""What HaloPSA's refusals mean: it says much of it in words, and little in status codes. Pure."""

import re
from dataclasses import dataclass
from enum import StrEnum

from integrations.errors import AmbiguousError, CallError, RejectedError, ThrottledError, UnreachableError

#: How integrations.answers begins the text of a refusal.
UNAUTHORIZED = re.compile(r"HTTP 401\b")


class Verdict(StrEnum):
    """TRANSIENT: nothing was done, ask again. AMBIGUOUS: a write may have been done. PERMANENT: never."""

    TRANSIENT = "transient"
    AMBIGUOUS = "ambiguous"
    PERMANENT = "permanent"


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of refusal. `advice` is what to do about it; `source` is where these words were seen."""

    pattern: re.Pattern[str]
    verdict: Verdict
    source: str
    advice: str = ""


def _row(words: str, verdict: Verdict, source: str, advice: str = "") -> Row:
    return Row(re.compile(words, re.IGNORECASE), verdict, source, advice)


#: The first row that fits decides, whatever the status was. What fits none is decided by its status
#: (integrations.answers): Halo's published schema lists no other answer than 200.
TABLE: tuple[Row, ...] = (
    _row(
        r"You do not have access to this Action",
        Verdict.PERMANENT,
        "CyberDrain/CIPP#106",
        "let the API agent use this outcome in HaloPSA, or set the credential outcome_id to one it may use",
    ),
    _row(
        r"An Outcome must be entered",
        Verdict.PERMANENT,
        "a HaloPSA notification provider for uptime-kuma; homotechsual/HaloAPI tests (400)",
        "set the credential outcome_id to an outcome of the ticket type's workflow",
    ),
    _row(
        r"invalid_client",
        Verdict.PERMANENT,
        "homotechsual/HaloAPI#19 (401)",
        "check client_id and client_secret, and tenant where HaloPSA hosts it",
    ),
    _row(
        r"unauthorized_client|unsupported_grant_type",
        Verdict.PERMANENT,
        "RFC 6749, 5.2",
        "give the API application the authentication method Client ID and Secret (Services)",
    ),
    _row(
        r"invalid_scope",
        Verdict.PERMANENT,
        "refractionPOINT/documentation#246",
        "give the API application the permission all",
    ),
    _row(
        r"deadlocked on lock resources|deadlock victim",
        Verdict.TRANSIENT,
        "Microsoft SQL Server, error 1205: the transaction is rolled back; that Halo shows it is assumed",
    ),
    _row(
        r"Execution Timeout Expired|Timeout expired\.  ?The timeout period elapsed",
        Verdict.AMBIGUOUS,
        "Microsoft SqlClient, error -2; that Halo shows it is assumed",
    ),
)


def classified(error: CallError, *, write: bool) -> CallError:
    """Return the error that the refusal's words mean; the same one where the table has no row for them.

    A refusal that names its own wait stays what it is.
    """
    text = str(error)
    row = next((row for row in TABLE if row.pattern.search(text)), None)
    if row is None or isinstance(error, ThrottledError):
        return error
    if row.verdict is Verdict.PERMANENT:
        return RejectedError(f"{text}; {row.advice}" if row.advice else text)
    return AmbiguousError(text) if row.verdict is Verdict.AMBIGUOUS and write else UnreachableError(text)


def is_unauthorized(error: CallError) -> bool:
    """Return whether HaloPSA refused the token: nothing was done, and a new token may help."""
    return UNAUTHORIZED.match(str(error)) is not None
