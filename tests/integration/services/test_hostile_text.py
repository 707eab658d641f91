"""Whatever a technician or a PSA writes is kept as it is or refused with a sentence: it breaks nothing."""

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from integrations.ports import Event, EventKind

pytestmark = pytest.mark.integration

#: Every character there is, half ones and NUL too.
ANY_TEXT = st.text(st.characters(), max_size=200)
CAN_BE_STORED = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=200)
ONE_WORLD = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def write_everywhere(world: Any, text: str) -> tuple[str, list[dict[str, Any]]]:
    """Put the text wherever a technician may write. Return the walk and what each task said."""
    ticket = uuid4().hex
    session = world.started("flow", ticket=ticket)
    said = [
        world.do("step.record", session=session, node_id="link", answer="yes", note=text, question=text),
        world.do("notes.save", session=session, notes=[{"text": text, text: 1}], revision=1),
        world.do("session.resolve", session=session, resolution_notes=text),
    ]
    return session, said


@given(CAN_BE_STORED)
@example("a😀b\u202e\x1b[2J\r\n[bold]<script>alert(1)</script>\x85\u2028\ufffe")
@ONE_WORLD
def test_text_that_can_be_stored_is_kept_as_it_is(world, text):
    session, said = write_everywhere(world, text)
    assert {result["outcome"] for result in said} == {"applied"}
    assert world.walk(session, "resolution_notes") == text
    assert world.walk(session, "walk_notes") == [{"text": text, text: 1}]
    assert world.one("SELECT l1_note FROM walk_step WHERE session_id = :id", id=session) == text
    for entry in world.rows("SELECT id FROM outbox WHERE session_id = :id", id=session):
        assert world.push(entry).state == "sent"


@pytest.mark.parametrize("text", ["NUL \x00", "half \ud83d"])
def test_text_that_cannot_be_stored_is_refused_with_a_sentence_that_does_not_repeat_it(world, text):
    session = world.started("adhoc")
    with pytest.raises(world.refusal, match="cannot be stored") as refused:
        world.do("notes.save", session=session, notes=[{"text": text}], revision=1)
    assert text not in refused.value.sentence


@given(ANY_TEXT)
@ONE_WORLD
def test_whatever_a_psa_says_of_a_ticket_is_interpreted(world, text):
    ticket = uuid4().hex
    world.rules({"rules": [{"start": "adhoc"}]})
    world.psa.has_ticket(ticket, summary=text, status=text, board=text, company=text)
    world.psa.type_note(ticket, text)
    event = Event(EventKind.TICKET_CHANGED, dedupe_key=uuid4().hex, ticket_id=ticket)
    stored = world.deliver(event)[0]
    world.interpret(stored.delivery_id)
    world.apply(ticket)
    assert world.one("SELECT state FROM delivery WHERE id = :id", id=stored.delivery_id) == "interpreted"
