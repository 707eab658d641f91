"""Ways to ask, in one account, for what is another's: calls of every task with the other's ids."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from worker.domain.words import CommandType

#: Work on whatever is due in any account; nobody's ids are handed to them.
FOR_ALL_ACCOUNTS = {
    *("maintenance.sweep", "maintenance.canary", "maintenance.prune", "session.abandon_idle"),
}

#: What each command says beside whom it is about.
BODIES: Mapping[CommandType, Mapping[str, Any]] = {
    CommandType.START_FLOW: {"flow": "VPN down"},
    CommandType.START_PROPOSAL: {"flow_proposal_id": str(uuid4())},
    CommandType.START_ADHOC: {},
    CommandType.RECORD_STEP: {"node_id": "link", "answer": "no"},
    CommandType.WITHDRAW_STEP: {},
    CommandType.SAVE_NOTES: {"notes": [{"text": "theirs"}], "revision": 1_000},
    CommandType.ADD_TICKET_NOTES: {"notes": [{"psa_note_id": "1", "text": "theirs"}]},
    CommandType.RESOLVE: {"helpful": False},
    CommandType.ESCALATE: {"escalation_reason": "theirs"},
    CommandType.ESCALATE_WITHOUT_WALK: {"escalation_reason": "theirs"},
    CommandType.ABANDON: {"reason": "theirs"},
}
STARTS = {
    CommandType.START_FLOW,
    CommandType.START_PROPOSAL,
    CommandType.START_ADHOC,
    CommandType.ESCALATE_WITHOUT_WALK,
}
#: Given by the service itself: no person acts.
NOBODY_ACTS = {CommandType.ADD_TICKET_NOTES, CommandType.ABANDON}


@dataclass(frozen=True)
class Mine:
    """What the account has that asks."""

    account: str
    psa: str
    standard: str
    user: str
    session: str


@dataclass(frozen=True)
class Theirs:
    """Ids of the other account: one of everything that a task could be asked for."""

    name: str
    psa: str
    user: str
    flow: str
    proposal: str
    session: str
    command: int
    delivery: int
    entry: int


Attempt = Callable[[Mine, Theirs], Mapping[str, Any]]

_ATTEMPTS: dict[str, list[Attempt]] = {
    "delivery.interpret": [lambda a, b: {"delivery_id": b.delivery, "account_id": a.account}],
    "psa.push": [lambda a, b: {"outbox_id": b.entry, "account_id": a.account}],
    "notes.flush": [lambda a, b: {"session": b.session, "account_id": a.account}],
    "psa.reconcile": [lambda a, b: {"connection": b.psa, "account_id": a.account}],
    "psa.check_registration": [lambda a, b: {"connection": b.psa, "account_id": a.account}],
}


def attempts(task: str) -> list[Attempt]:
    """Return every way to name what is the other account's, each a call of the task."""
    if task not in set(CommandType):
        return _ATTEMPTS.get(task, [])
    command = CommandType(task)
    body = BODIES[command]
    acts = {"user": "tech@acme.example"} if command in STARTS else {}

    def asks(**address: Callable[[Mine, Theirs], str]) -> Attempt:
        return lambda a, b: {**body, **acts, **{name: value(a, b) for name, value in address.items()}}

    found: list[Attempt] = [
        lambda a, b: {"command_id": b.command, "account_id": a.account},
        asks(account=lambda a, _: a.account, connection=lambda _, b: b.psa, ticket=lambda *_: "1"),
    ]
    if command not in STARTS:
        found += [
            asks(account=lambda a, _: a.account, session=lambda _, b: b.session),
            asks(connection=lambda a, _: a.psa, session=lambda _, b: b.session),
        ]
    if command in STARTS:
        found.append(asks(connection=lambda a, _: a.psa, ticket=lambda *_: "9", user=lambda _, b: b.user))
    elif command not in NOBODY_ACTS:
        found.append(asks(session=lambda a, _: a.session, user=lambda _, b: b.user))
    for name, guide in (("flow", "flow"), ("flow_proposal_id", "proposal")):
        if name in body:
            found.append(
                asks(
                    connection=lambda a, _: a.psa,
                    ticket=lambda *_: "9",
                    **{name: lambda _, b, guide=guide: getattr(b, guide)},
                )
            )
    return found
