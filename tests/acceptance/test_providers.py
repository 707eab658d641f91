"""A whole walk with every PSA, under real processes: one summary, whatever the PSA does with our calls.

What happens in one PSA happens in all of them at the same time; the tests then look at each.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.canaries import WORDS
from tests.acceptance.psas import HABITS, Psa, Walked, resolve, running_psas, walked_tickets
from tests.acceptance.tools import Account, send, wait_for
from worker.demo.service import RunningService

#: Every PSA is set up in one fixture: minutes where the machine is busy.
pytestmark = pytest.mark.timeout(600)

#: What a PSA that is asked too often wants to be left alone for.
RETRY_AFTER = timedelta(seconds=3)
#: Until a worker is told that the time has come, and has sent it: a sweep every 2 s, on a busy machine.
SOON = timedelta(seconds=10)

SUMMARIES = {
    "walked": "VPN down at the branch",
    "lost": "adhoc: answer lost",
    "throttled": "adhoc: too many calls",
    "deleted": "adhoc: deleted during its walk",
    "vanished": "adhoc: deleted without a webhook",
}

WALK: list[tuple[str, dict[str, Any]]] = [
    ("step.record", {"node_id": "light", "answer": "YES"}),
    ("step.record", {"node_id": "ping", "answer": "no", "note": f"no reply {WORDS}"}),
    ("session.resolve", {"helpful": True, "resolution_notes": WORDS}),
]


@pytest.fixture(scope="module")
def psas(service: RunningService, acme: Account, short_path: Path) -> Iterator[dict[str, Psa]]:
    with running_psas(service, acme, short_path) as running:
        yield running


@pytest.fixture(scope="module")
def tickets(service: RunningService, psas: dict[str, Psa]) -> dict[str, dict[str, Walked]]:
    """For each word of SUMMARIES, a ticket of each PSA whose webhook has started its walk."""
    return walked_tickets(service, psas, SUMMARIES)


@pytest.fixture(scope="module")
def walked(service: RunningService, tickets: dict[str, dict[str, Walked]]) -> dict[str, Walked]:
    """Walked to the end of the flow, and resolved."""
    walks = tickets["walked"]
    commands = [
        walk.command(task, sequence=number, **arguments)
        for walk in walks.values()
        for number, (task, arguments) in enumerate(WALK, start=1)
    ]
    send(service, commands)
    return walks


@pytest.fixture(scope="module")
def lost(service: RunningService, tickets: dict[str, dict[str, Walked]]) -> dict[str, Walked]:
    """Resolved, and the answer to the note was lost after it was written."""
    return spoiled(service, tickets["lost"], "lost_answer")


@pytest.fixture(scope="module")
def throttled(service: RunningService, tickets: dict[str, dict[str, Walked]]) -> dict[str, Walked]:
    """Resolved, and the note was answered 429 with Retry-After."""
    seconds = int(RETRY_AFTER.total_seconds())
    return spoiled(service, tickets["throttled"], "status", status=429, retry_after=seconds)


@pytest.fixture(scope="module")
def refused(service: RunningService, tickets: dict[str, dict[str, Walked]]) -> list[dict[str, Any]]:
    """What could not be told, after one ticket was deleted during its walk and one without a webhook."""
    for walk in tickets["deleted"].values():
        walk.psa.stand_in.delete_ticket(walk.ticket_id)
    for walk in tickets["vanished"].values():
        walk.psa.stand_in.wait_for_deliveries()
        walk.psa.stand_in.set_webhooks(on=False)
        walk.psa.stand_in.delete_ticket(walk.ticket_id)
        walk.psa.stand_in.set_webhooks(on=True)
    resolve(service, tickets["vanished"].values())
    sessions = {walk.session_id for word in ("deleted", "vanished") for walk in tickets[word].values()}

    def parked() -> list[dict[str, Any]] | None:
        entries: Any = service.run("outbox", "list", "--state", "parked")
        found = [entry for entry in entries if entry["session_id"] in sessions]
        return found if {entry["session_id"] for entry in found} == sessions else None

    return wait_for("the refusal of every note", parked)


def spoiled(
    service: RunningService, walks: dict[str, Walked], kind: str, **options: Any
) -> dict[str, Walked]:
    """Resolve the walks while each PSA spoils the next note; return once it has."""
    for walk in walks.values():
        walk.psa.spoil_the_next_note(kind, **options)
    resolve(service, walks.values())
    for walk in walks.values():
        wait_for("the fault", partial(walk.psa.has_spoiled, kind))
    return walks


@pytest.mark.parametrize("name", HABITS)
def test_the_address_that_connection_add_printed_is_registered_with_the_psa(psas, name):
    registered = psas[name].client.registration(psas[name].url)
    assert registered.ids
    assert registered.problems == ()


@pytest.mark.parametrize("name", HABITS)
def test_a_ticket_is_walked_from_its_webhook_to_its_one_summary_and_its_status(walked, name):
    walk = walked[name]
    wait_for("the status", lambda: walk.psa.is_told(walk.ticket_id))
    [summary] = walk.summaries
    for line in (
        "VPN down (version 1)",
        "1. Is the link light on? -> yes",
        "2. Does the gateway answer? -> no",
        "no reply",
        f"Resolution: {WORDS}",
        walk.psa.habits.technician,
    ):
        assert line in summary
    [note] = [note for note in walk.psa.client.notes(walk.ticket_id) if note.text == summary]
    assert note.own


@pytest.mark.parametrize("name", HABITS)
def test_a_note_whose_answer_was_lost_is_found_and_not_written_again(lost, name):
    walk = lost[name]
    wait_for("the status", lambda: walk.psa.is_told(walk.ticket_id))
    assert len(walk.summaries) == 1


@pytest.mark.parametrize("name", HABITS)
def test_a_psa_that_wants_to_be_left_alone_gets_the_note_when_its_time_is_over(throttled, name):
    walk = throttled[name]
    wait_for("the status", lambda: walk.psa.is_told(walk.ticket_id))
    posts = walk.psa.note_posts()
    [refusal] = [place for place, post in enumerate(posts) if post.status == 429]
    waited = datetime.fromisoformat(posts[refusal + 1].at) - datetime.fromisoformat(posts[refusal].at)
    assert RETRY_AFTER <= waited < RETRY_AFTER + SOON
    assert len(walk.summaries) == 1


@pytest.mark.parametrize("word", ["deleted", "vanished"])
@pytest.mark.parametrize("name", HABITS)
def test_what_a_deleted_ticket_cannot_be_told_is_kept_with_the_psas_words(tickets, refused, name, word):
    walk = tickets[word][name]
    [entry] = [entry for entry in refused if entry["session_id"] == walk.session_id]
    assert (entry["kind"], entry["state"], entry["attempts"]) == ("note", "parked", 1)
    assert entry["reason"]
    assert walk.psa.client.ticket(walk.ticket_id) is None


@pytest.fixture(scope="module")
def abandoned(service: RunningService, refused: list[dict[str, Any]]) -> set[str]:
    """The sessions of the walks that were abandoned."""
    assert refused
    return {walk["id"] for walk in service.run("walk", "list", "--status", "abandoned")}


@pytest.mark.parametrize("name", HABITS)
def test_only_the_webhook_of_its_deletion_abandons_a_walk(tickets, abandoned, name):
    assert tickets["deleted"][name].session_id in abandoned
    assert tickets["vanished"][name].session_id not in abandoned
