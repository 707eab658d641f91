"""A call by hand answers with what became of it, also when others work on the same ticket."""

from dataclasses import replace
from datetime import timedelta


def test_calls_at_the_same_time_on_one_ticket_all_answer_with_their_end(world):
    world.context = replace(world.context, call_patience=timedelta(seconds=5))
    session_id = world.started()

    def save(number: int):
        return lambda: world.do("notes.save", session=session_id, notes=[{"n": number}], revision=number)

    outcomes = [result["outcome"] for result in world.at_once(*(save(n) for n in range(1, 9)))]
    assert set(outcomes) <= {"applied", "refused"}
    assert world.one("SELECT revision FROM note_draft") == 8
