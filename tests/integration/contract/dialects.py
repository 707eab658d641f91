"""What the contract suite must know of a PSA beyond its port: one entry for each provider."""

from dataclasses import dataclass

from integrations.autotask.api import MAX_RECORDS
from integrations.connectwise.api import PAGE_SIZE
from integrations.halopsa.client import FIRST_ACTIONS
from integrations.zendesk.api import PAGE_SIZE as ZENDESK_PAGE_SIZE


@dataclass(frozen=True)
class Dialect:
    """`member` is what `user add --psa-member` takes for the simulator's technician.

    `notes_in_one_answer` is how many notes the client asks for at a time; None: the PSA gives them all at
    once. `signs_body` is false where a delivery is proven by a secret word, whatever its body says.
    `note_method` is the HTTP method that writes a note. `keeps_time` is false where the PSA
    has no time entries.
    """

    member: str
    notes_in_one_answer: int | None
    signs_body: bool = True
    statuses: tuple[str, str] = ("In Progress", "Escalated")
    note_method: str = "POST"
    keeps_time: bool = True


DIALECTS = {
    "autotask": Dialect(member="jdoe", notes_in_one_answer=MAX_RECORDS),
    "connectwise": Dialect(member="jdoe", notes_in_one_answer=PAGE_SIZE),
    "halopsa": Dialect(member="17", notes_in_one_answer=FIRST_ACTIONS, signs_body=False),
    "zendesk": Dialect(
        member="jdoe@acme.example",
        notes_in_one_answer=ZENDESK_PAGE_SIZE,
        statuses=("Open", "Pending"),
        note_method="PUT",
        keeps_time=False,
    ),
}
