"""What the acceptance tests take for the writing of a note."""

import pytest

from integrations.errors import CallError
from integrations.ports import NotePurpose, NotePush
from integrations.simulators import stand_in_class
from tests.acceptance.psas import HABITS, Psa
from tests.integration.contract.dialects import DIALECTS


@pytest.mark.parametrize("name", HABITS)
def test_a_status_is_not_taken_for_a_note(name):
    with stand_in_class(name)() as stand_in:
        psa = Psa(name, "every", "1", "https://ticketwalk.example", stand_in)
        ticket_id = stand_in.create_ticket()
        note = NotePush("1", ticket_id, NotePurpose.INTERNAL, "done", {})
        psa.spoil_the_next_note("status", status=500)
        psa.client.set_status(ticket_id, DIALECTS[name].statuses[1])
        assert psa.note_posts() == []
        with pytest.raises(CallError):
            psa.client.send_note(note, psa.client.prepare_note(note))
        assert psa.has_spoiled("status")
