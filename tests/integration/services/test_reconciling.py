"""What changed in the PSA without a webhook."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from integrations.errors import RejectedError, ThrottledError, UnreachableError
from integrations.ports import ChangedTicket
from worker.domain.words import Outcome
from worker.services.reconciling import BATCH, Reconciled, hint_reconciles, reconcile

pytestmark = pytest.mark.integration


def change(world, ticket: str, version: str) -> None:
    """The ticket changes in the PSA, and is listed with its newest version only."""
    world.psa.has_ticket(ticket, version=version)
    listed = [known for known in world.psa.changed if known.ticket_id != ticket]
    world.psa.changed = [*listed, ChangedTicket(ticket, version)]


def run(world, **more: Any) -> Reconciled:
    return reconcile(world.context, connection=world.home_tenant.psa, **more)


def announce(world, ticket: str) -> None:
    """The ticket's webhook comes and is looked at."""
    world.interpret(world.ticket_changed(ticket))


def state(world, columns: str) -> Any:
    query = f"SELECT {columns} FROM connection_state WHERE connection_id = :id"  # noqa: S608 - literals
    return world.one(query, id=world.home_tenant.psa)


def keys(world) -> list[str]:
    found: list[str] = world.rows("SELECT dedupe_key FROM delivery ORDER BY id")
    return [key for key in found if key.startswith("reconcile:")]


def test_a_reconcile_files_exactly_what_no_webhook_announced_and_twice_is_once(world):
    for ticket in ("1", "2", "3"):
        change(world, ticket, "v1")
    announce(world, "2")
    assert run(world) == Reconciled(listed=3, filed=2)
    assert keys(world) == ["reconcile:1:v1", "reconcile:3:v1"]
    assert run(world) == Reconciled(listed=3, filed=0)
    assert len(keys(world)) == 2
    assert state(world, "missed, missed_since_delivery") == (2, 2)


def test_an_hour_without_webhooks_loses_nothing_and_doubles_nothing(world):
    world.rules({"rules": [{"start": "adhoc"}]})
    for ticket in ("1", "2"):
        change(world, ticket, "v1")
    world.psa.type_note("1", "rebooted it")
    run(world)
    for delivery_id in world.rows("SELECT id FROM delivery ORDER BY id"):
        world.interpret(delivery_id)
    world.apply("1")
    world.apply("2")
    assert world.one("SELECT count(*) FROM l1_walk_session") == 2
    # the late webhooks come after all, and the next runs list the same tickets again
    announce(world, "1")
    announce(world, "2")
    assert run(world).filed == 0
    assert world.one("SELECT count(*) FROM l1_walk_session") == 2
    assert world.one("SELECT count(*) FROM command WHERE type = 'session.start_adhoc'") == 2


def test_a_ticket_that_changed_again_is_filed_again(world):
    change(world, "1", "v1")
    announce(world, "1")
    change(world, "1", "v2")
    assert run(world).filed == 1
    assert keys(world) == ["reconcile:1:v2"]


def test_a_change_between_the_look_and_the_list_is_not_taken_for_seen(world):
    """A webhook came, but what it made us look at was older than what is listed."""
    change(world, "1", "v1")
    delivery_id = world.ticket_changed("1")
    world.interpret(delivery_id)
    world.psa.has_ticket("1", version="v2")
    world.psa.changed = [ChangedTicket("1", "v2")]
    assert run(world).filed == 1


def test_a_ticket_whose_delivery_waits_to_be_looked_at_is_not_filed_besides(world):
    change(world, "1", "v1")
    delivery_id = world.ticket_changed("1")
    assert run(world).filed == 0
    world.rows("UPDATE delivery SET attempts = 1 WHERE id = :id", id=delivery_id)
    assert run(world).filed == 1, "it may have been looked at before the change"


def test_a_psa_that_shows_no_version_is_looked_at_once_more_rather_than_not_at_all(world):
    change(world, "1", "v1")
    world.psa.has_ticket("1")
    announce(world, "1")
    assert run(world).filed == 1
    assert run(world).filed == 0


def test_the_first_run_begins_at_the_connections_beginning_and_looks_behind_by_the_overlap(world):
    began = state(world, "watermark")
    assert began == world.one("SELECT created_at FROM connection WHERE id = :id", id=world.home_tenant.psa)
    run(world)
    assert world.psa.calls[-1] == ("changed_since", (began - timedelta(minutes=5)).isoformat())
    assert state(world, "watermark") > began
    moved = state(world, "watermark")
    run(world)
    assert world.psa.calls[-1] == ("changed_since", (moved - timedelta(minutes=5)).isoformat())


def test_a_run_that_fails_on_a_later_page_keeps_what_is_stored_and_begins_there_again(world):
    began = state(world, "watermark")
    tickets = [ChangedTicket(str(number), "v1") for number in range(1, BATCH + 11)]

    def pages():
        yield from tickets[:BATCH]
        raise UnreachableError("no route")

    world.psa.changed_since = lambda _: pages()
    assert run(world) == Reconciled(Outcome.WAITING, reason="no route")
    assert len(keys(world)) == BATCH
    assert state(world, "watermark, reconciling_until, reconciled_at") == (began, None, None)
    assert state(world, "failures") == 1
    world.psa.changed_since = lambda _: iter(tickets)
    assert run(world) == Reconciled(listed=BATCH + 10, filed=10)
    assert state(world, "watermark") > began


def test_a_psa_that_asks_to_wait_pauses_its_connection_and_the_run_is_due_then(world):
    world.psa.next_calls("changed_since", ThrottledError("slow down", retry_after=timedelta(minutes=7)))
    assert run(world).reason == "slow down"
    assert state(world, "paused_until - reconcile_due_at < interval '1 second'")
    assert run(world).reason == "the connection is paused"
    assert world.psa.count("changed_since") == 1


def test_a_refusal_is_kept_for_a_person_until_a_run_succeeds(world):
    world.psa.next_calls("changed_since", RejectedError("HTTP 403: no right"))
    run(world)
    assert state(world, "reconcile_problem") == "what has changed cannot be read: HTTP 403: no right"
    run(world)
    assert state(world, "reconcile_problem") is None


def test_two_runs_at_the_same_time_ask_once(world):
    change(world, "1", "v1")
    done = world.at_once(*[partial(run, world, only_due=True)] * 4)
    assert sum(one.listed for one in done) == 1
    assert (world.psa.count("changed_since"), len(keys(world))) == (1, 1)


def test_a_run_whose_worker_died_is_followed_by_another_when_its_lease_is_over(world):
    def die() -> None:
        raise SystemExit

    world.psa.next_calls("changed_since", die)
    with pytest.raises(SystemExit):
        run(world)
    assert run(world).reason == "another run is under way, or was a moment ago"
    world.rows("UPDATE connection_state SET reconciling_until = now() - interval '1 second'")
    assert run(world).reason is None


def test_the_beat_hints_at_what_is_due_and_not_at_what_is_paused(world):
    other = world.tenant("Other")
    assert hint_reconciles(world.context) == 4
    run(world)
    world.rows(
        "UPDATE connection_state SET paused_until = now() + interval '1 minute' WHERE connection_id = :id",
        id=other.psa,
    )
    world.published.clear()
    assert hint_reconciles(world.context) == 2
    assert {hint.arguments["connection"] for hint in world.published} == {
        world.home_tenant.standard,
        other.standard,
    }
    assert all(hint.arguments["only_due"] for hint in world.published)


def test_a_provider_that_brings_its_commands_itself_is_not_asked(world):
    reconcile(world.context, connection=world.home_tenant.standard, only_due=True)
    assert world.context.providers["standard"].psa.calls == []
    assert hint_reconciles(world.context) == 1


def test_a_webhook_ends_the_count_of_missed_ones_and_a_reconcile_is_none(world):
    change(world, "1", "v1")
    run(world)
    assert state(world, "last_delivery_at, missed_since_delivery") == (None, 1)
    world.ticket_changed("2")
    assert state(world, "last_delivery_at IS NOT NULL, missed, missed_since_delivery") == (True, 1, 0)


def test_a_storm_of_deliveries_notes_their_time_once(world):
    world.ticket_changed("1")
    first = state(world, "last_delivery_at")
    world.ticket_changed("2")
    assert state(world, "last_delivery_at") == first
    world.rows("UPDATE connection_state SET last_delivery_at = now() - interval '11 seconds'")
    world.ticket_changed("3")
    assert state(world, "last_delivery_at") > first


def test_a_connection_that_somebody_works_on_keeps_no_delivery_waiting(world):
    with world.owner.begin() as holder:
        holder.exec_driver_sql("SELECT 1 FROM connection_state FOR UPDATE")
        world.ticket_changed("1")
    assert state(world, "last_delivery_at") is None


def test_a_connection_of_another_account_is_unknown(world):
    with pytest.raises(world.refusal, match="there is no connection"):
        run(world, account_id=world.tenant("Other").account_id)


def test_the_interval_is_a_setting(world):
    upkeep = replace(world.context.upkeep, reconcile_every=timedelta(hours=2))
    reconcile(replace(world.context, upkeep=upkeep), connection=world.home_tenant.psa)
    assert state(world, "reconcile_due_at > now() + interval '119 minutes'")
