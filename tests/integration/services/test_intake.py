"""Storing deliveries: accepted means stored, and the same one twice is stored once."""

from functools import partial

import pytest

from integrations.ports import Event, EventKind
from worker.services.intake import connection_by_id

pytestmark = pytest.mark.integration


def event(key, ticket="100", kind=EventKind.TICKET_CHANGED, reason=None):
    return Event(kind, dedupe_key=key, ticket_id=ticket, reason=reason)


def test_a_delivery_is_stored_with_its_bytes_and_a_worker_is_woken(world):
    (stored,) = world.deliver(event("a"), body=b'\xff{"raw": 1}')
    assert not stored.duplicate
    assert world.one("SELECT id, body, state, external_ticket_id, attempts FROM delivery") == (
        *(stored.delivery_id, b'\xff{"raw": 1}', "pending", "100", 0),
    )
    (hint,) = world.published
    assert (hint.task, hint.arguments) == (
        "delivery.interpret",
        {
            "delivery_id": stored.delivery_id,
            "account_id": str(world.home_tenant.account_id),
            "ticket": "100",
        },
    )


def test_the_same_delivery_again_is_a_duplicate_and_wakes_nobody(world):
    (first,) = world.deliver(event("a"))
    world.published.clear()
    (again,) = world.deliver(event("a"))
    assert (again.delivery_id, again.duplicate) == (first.delivery_id, True)
    assert (world.one("SELECT count(*) FROM delivery"), world.published) == (1, [])


def test_duplicates_within_a_batch_and_of_an_earlier_one_are_told_apart(world):
    (earlier,) = world.deliver(event("old"))
    stored = world.deliver(event("a"), event("old"), event("b"), event("a"), event("a"))
    assert [entry.duplicate for entry in stored] == [False, True, False, True, True]
    assert stored[1].delivery_id == earlier.delivery_id
    assert stored[0].delivery_id == stored[3].delivery_id == stored[4].delivery_id
    assert world.rows("SELECT dedupe_key FROM delivery ORDER BY id") == ["old", "a", "b"]


def test_the_same_key_on_two_connections_is_two_deliveries(world):
    world.deliver(event("a"))
    (other,) = world.deliver(event("a"), connection=world.home_tenant.standard)
    assert not other.duplicate


def test_a_batch_wakes_one_worker_per_lane(world):
    world.deliver(event("a"), event("b"), event("c", ticket="101"), event("d"))
    assert [hint.arguments["ticket"] for hint in world.published] == ["100", "101"]


def test_an_uninteresting_event_is_kept_with_its_reason_and_wakes_nobody(world):
    world.deliver(event("a", kind=EventKind.IGNORED, reason="a contact, not a ticket"))
    assert world.rows("SELECT state, reason FROM delivery") == [("ignored", "a contact, not a ticket")]
    assert world.published == []


def test_the_same_delivery_many_times_at_once_is_stored_once(world):
    results = world.at_once(*[partial(world.deliver, event("a"))] * 8)
    assert sorted(stored.duplicate for (stored,) in results) == [False] + [True] * 7
    assert len({stored.delivery_id for (stored,) in results}) == 1


def test_a_delivery_never_joins_an_account_with_a_connection_of_another(world):
    rival = world.tenant("Rival")
    with pytest.raises(Exception, match="fk_delivery_account_id_connection_id"):
        world.deliver(event("a"), connection=rival.psa)


def test_a_connection_is_found_with_its_sealed_secrets(world):
    from uuid import UUID, uuid4  # noqa: PLC0415

    row = connection_by_id(world.context, UUID(world.home_tenant.psa))
    assert row is not None
    assert world.context.vault.open(row.secrets).credentials == {}
    assert connection_by_id(world.context, uuid4()) is None
