"""The numbers on /metrics, as Prometheus reads them."""

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.noting import save, standard_walk
from worker.receiver.metrics import BacklogCollector
from worker.services.notes.flushing import flush_due, flush_session

pytestmark = pytest.mark.integration

HISTOGRAM = "ticketwalk_note_flush_lateness_seconds"


def numbers(world):
    """Return each sample by its name and labels, out of the text that is answered."""
    registry = CollectorRegistry()
    registry.register(BacklogCollector(world.context))
    text = generate_latest(registry).decode()
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def be_late(world, session, late):
    world.rows(
        "UPDATE note_draft SET due_at = now() - :late, first_dirty_at = now() - :late - interval '2 seconds'"
        " WHERE session_id = :id",
        late=late,
        id=session,
    )
    flush_due(world.context, account_id=world.home_tenant.account_id)


def test_drafts_that_wait_are_counted_with_the_age_of_the_oldest(world):
    save(world, standard_walk(world, "1"), "one", 1)
    save(world, standard_walk(world, "2"), "two", 1)
    world.rows("UPDATE note_draft SET first_dirty_at = now() - interval '1 minute'")
    found = numbers(world)
    assert found["ticketwalk_rows", "dirty", "note_draft"] == 2
    assert 60 <= found["ticketwalk_oldest_seconds", "dirty", "note_draft"] < 90


def test_before_anything_is_written_the_numbers_are_there_and_zero(world):
    found = numbers(world)
    assert found[f"{HISTOGRAM}_bucket", "0.25"] == found[f"{HISTOGRAM}_bucket", "+Inf"] == 0
    assert found["ticketwalk_note_writes_total",] == found["ticketwalk_note_saves_written_total",] == 0


def test_lateness_is_a_histogram_over_all_accounts_and_saves_per_write_a_ratio(world):
    one, two = standard_walk(world, "1"), standard_walk(world, "2")
    rival = world.tenant("Rival")
    theirs = world.do("session.start_adhoc", connection=rival.psa, ticket="1", user="tech@rival.example")[
        "session_id"
    ]
    for revision in range(1, 5):
        save(world, one, str(revision), revision)
    save(world, two, "1", 1)
    save(world, theirs, "1", 1)
    be_late(world, one, timedelta(seconds=1.5))
    be_late(world, two, timedelta(minutes=2))
    world.rows("UPDATE note_draft SET due_at = now() WHERE due_at IS NOT NULL")
    flush_due(world.context, account_id=rival.account_id)
    found = numbers(world)
    buckets = {labels[0]: found[name, *labels] for name, *labels in found if name == f"{HISTOGRAM}_bucket"}
    assert buckets.keys() == {"0.25", "0.5", "1.0", "2.0", "5.0", "10.0", "60.0", "+Inf"}
    assert [buckets[bound] for bound in ("0.25", "1.0", "2.0", "60.0", "+Inf")] == [1, 1, 2, 2, 3]
    assert found[f"{HISTOGRAM}_count",] == 3
    assert 121.5 <= found[f"{HISTOGRAM}_sum",] < 130
    assert found["ticketwalk_note_writes_total",] == 3
    assert found["ticketwalk_note_saves_written_total",] == 6


def test_a_draft_that_nobody_waited_for_is_not_counted(world):
    session = standard_walk(world)
    save(world, session, "one", 1)
    flush_session(world.context, session_id=session)
    save(world, session, "two", 2)
    world.do("session.resolve", session=session)
    assert numbers(world)["ticketwalk_note_writes_total",] == 0
