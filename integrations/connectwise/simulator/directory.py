"""What every simulated ConnectWise has from the start: boards, their statuses, members."""

from integrations.connectwise.simulator.bodies import Reference
from integrations.connectwise.simulator.errors import invalid, missing
from integrations.connectwise.simulator.records import BoardStatus, Member, Named

API_MEMBER = "ticketwalk"

BOARDS = (Named(1, "Help Desk"), Named(2, "Network"))
STATUSES = tuple(
    BoardStatus(board.id * 100 + number, name, board.id, closes=name == ">Closed", inactive=name == "Retired")
    for board in BOARDS
    for number, name in enumerate(
        ("New", "In Progress", "Waiting Customer", "Escalated", ">Closed", "Retired")
    )
)
MEMBERS = (
    Member(101, "jdoe", "Jane Doe"),
    Member(102, "asmith", "Alex Smith"),
    Member(103, API_MEMBER, "API"),
)


def board_named(reference: Reference | None) -> Named:
    """Return the board; the first one where none is named."""
    if reference is None:
        return BOARDS[0]
    for board in BOARDS:
        if reference.id == board.id or (reference.id is None and reference.name == board.name):
            return board
    raise missing("Board", reference.id or reference.name)


def statuses_of(board: Named) -> list[BoardStatus]:
    return [status for status in STATUSES if status.board_id == board.id]


def status_named(board: Named, reference: Reference) -> BoardStatus:
    for status in statuses_of(board):
        if reference.id == status.id or (reference.id is None and reference.name == status.name):
            return status
    raise invalid("ticket", ("status", "InvalidReference", "the board has no such status"))


def member_named(reference: Reference | None) -> Member | None:
    if reference is None:
        return None
    for member in MEMBERS:
        if reference.id == member.id or reference.identifier == member.identifier:
            return member
    raise invalid("member", ("member", "InvalidReference", "the member does not exist"))
