"""Everything that may happen to a ticket, in any order: what is given, what workers do, where they die."""

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from integrations.errors import AmbiguousError
from tests.integration.stored_ticket import StoredTicket, Trap
from tests.integration.walk_model import ANSWERS, CLOSINGS, STARTS, Given, Ticket
from worker.crash_points import CrashPoint
from worker.domain.lane import MAX_LOST
from worker.domain.words import CommandType
from worker.errors import Refusal
from worker.services.carrying import carry_out, command_by_hand, save_by_hand
from worker.services.lanes import drain
from worker.services.notes.flushing import flush_session
from worker.services.push import push

LANE_POINTS = [CrashPoint.LANE_CLAIMED, CrashPoint.LANE_BEFORE_COMMIT, CrashPoint.LANE_BEFORE_HINTS]
FLUSH_POINTS = [CrashPoint.FLUSH_BEFORE_COMMIT, CrashPoint.FLUSH_COMMITTED]
SAVE_POINTS = [CrashPoint.SAVE_BEFORE_COMMIT, CrashPoint.SAVE_BEFORE_ANSWER]
PUSH_POINTS = [
    CrashPoint.PUSH_BEFORE_SENDING,
    CrashPoint.PUSH_BEFORE_CALL,
    CrashPoint.PUSH_BEFORE_CONFIRMATION,
    CrashPoint.PUSH_BEFORE_HINTS,
    CrashPoint.PUSH_NOTHING_FOUND,
]
#: A push whose worker dies each time is looked for and sent again; more rounds than that are a fault.
PUSH_ROUNDS = 20
MARKERS = "SELECT marker FROM outbox WHERE ticket_id IN (SELECT id FROM ticket WHERE external_id = :ticket)"

numbers = st.none() | st.integers(1, 5)
steps = st.fixed_dictionaries(
    {"node_id": st.sampled_from(["link", "ping", "cable"]), "answer": st.sampled_from([*ANSWERS, "maybe"])}
)


class Walking(RuleBasedStateMachine):
    """One ticket of its own per example, in the store and in the model."""

    world: Any
    trap: Trap
    lost_answer: Any

    def __init__(self) -> None:
        super().__init__()
        self.ticket = StoredTicket(self.world, self.trap)
        self.model = Ticket()
        self.deaths = 0
        self.world.published.clear()

    @initialize(kind=st.sampled_from(["session.start_adhoc", "session.start_flow", None]))
    def begin(self, kind: str | None) -> None:
        """Most that can happen needs a walk that is open, so most examples begin with one."""
        if kind is not None:
            self.start(kind)
            self.workers_do_all_there_is()

    # what is asked for

    @rule(kind=st.sampled_from(sorted(STARTS)))
    def start(self, kind: str) -> None:
        more = {
            "session.start_flow": {"flow": "VPN down"},
            "session.escalate_without_walk": {"escalation_reason": "over my head"},
        }
        self.give(kind, user=str(self.world.home_tenant.users["tech"]), **more.get(kind, {}))

    @rule(step=steps, number=numbers)
    def record(self, step: dict[str, str], number: int | None) -> None:
        self.give("step.record", **step, sequence=number)

    @rule(ahead=st.lists(st.integers(1, 4), min_size=2, unique=True), step=steps)
    def record_a_burst(self, ahead: list[int], step: dict[str, str]) -> None:
        """Numbered on from the walk's last number, in any order, perhaps with gaps."""
        walk = self.model.active()
        for number in ahead:
            self.give("step.record", **step, sequence=number + (walk.last_number if walk else 0))

    @rule(number=numbers)
    def withdraw(self, number: int | None) -> None:
        self.give("step.withdraw", sequence=number)

    @rule(revision=st.none() | st.integers(1, 6), number=numbers)
    def save(self, revision: int | None, number: int | None) -> None:
        notes = [{"text": uuid4().hex}]
        self.give("notes.save", notes=notes, revision=revision, sequence=number)

    @precondition(lambda self: self.model.walks)
    @rule(
        revision=st.integers(1, 6),
        again=st.booleans(),
        settled=st.booleans(),
        point=st.none() | st.sampled_from(SAVE_POINTS),
    )
    def save_straight(self, revision: int, again: bool, settled: bool, point: CrashPoint | None) -> None:
        """By session and revision; taken only where it needs no turn in the ticket."""
        if settled:
            self.workers_do_all_there_is()
        walk = self.model.walks[-1]
        notes = walk.notes if again else [{"text": uuid4().hex}]
        expected = self.model.save_straight(walk, notes, revision)
        save = {"session": str(self.ticket.session_id(walk.key)), "notes": notes, "revision": revision}
        answers: list[Any] = []

        def work() -> None:
            command = command_by_hand(CommandType.SAVE_NOTES, save, default_key=uuid4().hex)
            answers.append(save_by_hand(self.world.context, command))

        died = self.ticket.dies(point, work)
        if not died:
            assert (answers[0] and answers[0]["outcome"]) == expected
        if expected == "applied" and not (died and point is CrashPoint.SAVE_BEFORE_COMMIT):
            walk.notes, walk.revision = notes, revision

    @rule(how=st.sampled_from(sorted(CLOSINGS)), number=numbers)
    def close(self, how: str, number: int | None) -> None:
        more = {"session.escalate": {"escalation_reason": "stuck"}, "session.abandon": {"reason": "left"}}
        self.give(how, sequence=number, **more.get(how, {}))

    @precondition(lambda self: self.model.given)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        command = data.draw(st.sampled_from(self.model.given), label="repeated")
        assert self.ticket.file(command).repeated

    @precondition(lambda self: self.model.given)
    @rule()
    def take_the_key_of_another(self) -> None:
        first = self.model.given[0]
        other = "step.withdraw" if first.type != "step.withdraw" else "session.resolve"
        with pytest.raises(Refusal) as refused:
            self.ticket.file(Given(first.key, other, {}))
        assert refused.value.code == "key_taken"

    # what workers do

    @precondition(lambda self: self.model.given)
    @rule()
    def a_worker_takes_a_turn(self) -> None:
        self.let_time_pass()
        self.drain()

    @precondition(lambda self: self.model.given)
    @rule()
    def workers_do_all_there_is(self) -> None:
        before = -1
        while before < self.model.settled:
            before = self.model.settled
            self.let_time_pass()
            while self.drain():
                pass
            self.model.settle_all()

    @precondition(lambda self: self.world.published)
    @rule(data=st.data())
    def a_hint_arrives(self, data: st.DataObject) -> None:
        """Late, twice or never, as it happens."""
        self.let_time_pass()
        hint = data.draw(st.sampled_from(self.world.published), label="hint")
        if hint.task == "psa.push":
            self.push(hint.arguments["outbox_id"])
        else:
            carry_out(self.world.context, CommandType(hint.task), uuid4().hex, hint.arguments)

    @precondition(lambda self: self.model.walks)
    @rule(only_due=st.booleans(), point=st.none() | st.sampled_from(FLUSH_POINTS))
    def flush(self, only_due: bool, point: CrashPoint | None) -> None:
        """No draft is due by itself here: the quiet period is longer than the test."""
        walk = self.model.walks[-1]
        session_id = self.ticket.session_id(walk.key)
        died = self.ticket.dies(
            point, lambda: flush_session(self.world.context, session_id=session_id, only_due=only_due)
        )
        if not only_due and not (died and point is CrashPoint.FLUSH_BEFORE_COMMIT):
            walk.flush()

    @precondition(lambda self: self.model.given and self.deaths < MAX_LOST - 1)
    @rule(point=st.sampled_from(LANE_POINTS))
    def a_worker_dies_over_a_turn(self, point: CrashPoint) -> None:
        self.deaths += self.ticket.dies(point, self.drain)
        # what was settled was settled before the time passes
        self.the_store_agrees_with_the_model()
        self.let_time_pass()

    @precondition(lambda self: self.ticket.open_entries())
    @rule(point=st.none() | st.sampled_from(PUSH_POINTS), lost=st.booleans())
    def push_the_first(self, point: CrashPoint | None, lost: bool) -> None:
        if lost:
            self.world.psa.next_calls("send_note", self.lost_answer(AmbiguousError("no answer")))
        first = self.ticket.open_entries()[0]
        self.ticket.dies(point, lambda: self.push(first))
        self.world.psa.script.clear()
        self.let_time_pass()

    @rule()
    def gaps_are_given_up(self) -> None:
        self.model.give_up_gaps()
        self.ticket.give_up_gaps()

    # what must hold

    @invariant()
    def the_store_agrees_with_the_model(self) -> None:
        if not self.model.given:
            return
        commands = self.ticket.commands()
        settled = sum(state != "pending" for _, state, _ in commands)
        while self.model.settled < settled:
            assert self.model.settle_next(), "settled although it has to wait"
        self.model.wait(self.ticket.waiting())
        assert commands == [(f"hand:{given.key}", given.state, given.code) for given in self.model.given]
        for walk in self.model.walks:
            self.walk_agrees(walk)

    def walk_agrees(self, walk: Any) -> None:
        session_id = self.ticket.session_id(walk.key)
        assert self.world.walk(session_id, "kind, status, walk_notes, step_count") == (
            walk.kind,
            walk.status,
            walk.written,
            walk.recorded,
        )
        steps = (
            "SELECT node_id FROM walk_step WHERE session_id = :id AND withdrawn_at IS NULL ORDER BY position"
        )
        assert self.world.rows(steps, id=session_id) == walk.steps
        drafts = "SELECT notes, revision, written_revision FROM note_draft WHERE session_id = :id"
        draft = (walk.notes, walk.revision, walk.written_revision)
        assert self.world.rows(drafts, id=session_id) == [draft]
        told = self.world.rows("SELECT marker FROM outbox WHERE session_id = :id", id=session_id)
        assert len(told) == int(walk.status != "active")
        assert all(self.ticket.notes_with(marker) <= 1 for marker in told)

    def teardown(self) -> None:
        """In the end all is settled and told."""
        if not self.model.given:
            return
        self.workers_do_all_there_is()
        self.gaps_are_given_up()
        self.workers_do_all_there_is()
        self.the_store_agrees_with_the_model()
        assert self.model.settled == len(self.model.given)
        for _ in range(PUSH_ROUNDS):
            for outbox_id in self.ticket.open_entries():
                self.push(outbox_id)
                self.let_time_pass()
        assert self.ticket.open_entries() == []
        for marker in self.ticket.rows(MARKERS):
            assert self.ticket.notes_with(marker) == 1

    # how

    def give(self, command_type: str, **arguments: Any) -> None:
        present = {name: value for name, value in arguments.items() if value is not None}
        command = Given(uuid4().hex, command_type, present)
        assert not self.ticket.file(command).repeated
        self.model.given.append(command)

    def drain(self) -> bool:
        return drain(self.world.context, self.world.lane(self.ticket.external_id)).more

    def push(self, outbox_id: int) -> None:
        push(self.world.context, account_id=None, outbox_id=outbox_id)

    def let_time_pass(self) -> None:
        self.model.let_time_pass()
        self.ticket.let_time_pass()
