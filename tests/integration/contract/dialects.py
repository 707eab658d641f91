"""What the contract suite must know of a PSA beyond its port: one entry for each provider."""

from dataclasses import dataclass

from integrations.connectwise.api import PAGE_SIZE


@dataclass(frozen=True)
class Dialect:
    """`member` is what `user add --psa-member` takes for the simulator's technician.

    `notes_in_one_answer` is how many notes the client asks for at a time; None: the PSA gives them all at
    once. `signs_body` is false where a delivery is proven by a secret word, whatever its body says.
    """

    member: str
    notes_in_one_answer: int | None
    signs_body: bool = True
    statuses: tuple[str, str] = ("In Progress", "Escalated")


DIALECTS = {
    "connectwise": Dialect(member="jdoe", notes_in_one_answer=PAGE_SIZE),
}
