"""What was settled long ago goes; what is open, waits for a person or may come again stays."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from integrations.ports import ChangedTicket
from worker.services import pruning
from worker.services.pruning import Pruned, prune
from worker.services.reconciling import reconcile

pytestmark = pytest.mark.integration


def age(world, table: str, days: int, where: str = "true") -> None:
    column = "created_at" if table == "outbox" else "received_at"
    world.rows(
        f"UPDATE {table} SET {column} = now() - make_interval(days => :days) WHERE {where}",  # noqa: S608 - literals
        days=days,
    )


def pass_watermarks(world) -> None:
    world.rows("UPDATE connection_state SET watermark = now()")


def deliveries(world, *states: str) -> None:
    """Store one delivery in each of these states, all of them old."""
    for number, state in enumerate(states):
        delivery_id = world.ticket_changed(str(number))
        world.rows("UPDATE delivery SET state = :state WHERE id = :id", state=state, id=delivery_id)
    age(world, "delivery", 31)
    pass_watermarks(world)


def left(world, table: str) -> Any:
    return sorted(world.rows(f"SELECT state FROM {table}"))  # noqa: S608 - literals


def test_old_deliveries_go_unless_they_are_open_or_wait_for_a_person(world):
    deliveries(world, "interpreted", "ignored", "refused", "parked", "pending")
    assert prune(world.context) == Pruned(deliveries=3)
    assert left(world, "delivery") == ["parked", "pending"]
    assert prune(world.context) == Pruned()


def test_deliveries_are_kept_as_long_as_the_setting_says(world):
    deliveries(world, "interpreted", "refused")
    age(world, "delivery", 29)
    assert prune(world.context).deliveries == 0


def test_a_delivery_that_a_reconcile_may_still_list_is_kept_however_old(world):
    deliveries(world, "ignored")
    world.rows("UPDATE connection_state SET watermark = now() - interval '31 days'")
    assert prune(world.context).deliveries == 0
    world.rows("UPDATE connection_state SET watermark = now() - interval '29 days'")
    assert prune(world.context).deliveries == 1


def test_after_pruning_a_reconcile_does_nothing_twice(world):
    world.psa.has_ticket("1", version="v1")
    world.psa.changed = [ChangedTicket("1", "v1")]
    reconcile(world.context, connection=world.home_tenant.psa)
    world.rows("UPDATE delivery SET state = 'ignored'")
    age(world, "delivery", 400)
    world.rows("UPDATE connection_state SET watermark = now() - interval '400 days'")
    prune(world.context)
    assert reconcile(world.context, connection=world.home_tenant.psa).filed == 0


def test_the_deliveries_of_a_sender_of_commands_go_too(world):
    reconcile(world.context, connection=world.home_tenant.standard, only_due=True)
    assert world.one(
        "SELECT watermark > now() - interval '1 minute' FROM connection_state WHERE connection_id = :id",
        id=world.home_tenant.standard,
    )


def test_old_commands_go_once_their_tickets_walk_is_over(world):
    world.do("session.resolve", session=world.started(ticket="1"))
    world.started(ticket="2")
    age(world, "command", 91)
    assert prune(world.context).commands == 2
    assert world.rows("SELECT t.external_id FROM command c JOIN ticket t ON t.id = c.ticket_id") == ["2"]
    assert world.one("SELECT count(*) FROM l1_walk_session") == 2, "the walks stay"


def test_parked_and_pending_commands_stay_and_refused_ones_go(world):
    session = world.started(ticket="1")
    world.do("session.resolve", session=session)
    for state in ("parked", "pending", "refused"):
        key = uuid4().hex
        world.do("step.withdraw", session=session, key=key)
        world.rows("UPDATE command SET state = :state WHERE key = :key", state=state, key=f"hand:{key}")
    age(world, "command", 91)
    assert prune(world.context).commands == 3
    assert left(world, "command") == ["parked", "pending"]


def test_a_key_is_known_as_long_as_its_command_is_kept(world):
    session = world.started(ticket="1", key="k")
    world.do("session.resolve", session=session)
    age(world, "command", 89)
    prune(world.context)
    assert world.start(ticket="1", key="k")["outcome"] == "duplicate"


def test_what_was_pushed_long_ago_no_longer_says_what(world):
    world.psa.has_ticket("1")
    world.do("session.resolve", session=world.started(ticket="1"), resolution_notes="secret words")
    note = world.one("SELECT id FROM outbox")
    age(world, "outbox", 31)
    assert prune(world.context).pushes == 0, "it is still to be told"
    world.push(note)
    assert prune(world.context) == Pruned(pushes=1)
    row = world.one("SELECT state, request_body, content, external_id, sent_at IS NOT NULL FROM outbox")
    assert row == ("sent", None, {}, "1", True)
    assert prune(world.context) == Pruned()


def test_parked_pushes_keep_their_words_for_the_retry(world):
    world.do("session.resolve", session=world.started(ticket="1"))
    world.rows("UPDATE outbox SET state = 'parked'")
    age(world, "outbox", 400)
    assert prune(world.context).pushes == 0


def test_more_than_a_batch_goes_in_several_and_a_long_run_hands_on(world, monkeypatch):
    monkeypatch.setattr(pruning, "BATCH", 2)
    deliveries(world, *["ignored"] * 5)
    assert prune(world.context, run_seconds=-1) == Pruned(deliveries=2, more=True)
    assert [hint.task for hint in world.published if hint.task.startswith("maintenance")] == [
        "maintenance.prune"
    ]
    assert prune(world.context) == Pruned(deliveries=3)


def test_a_delivery_that_led_to_a_command_goes_and_the_command_stays(world):
    world.rules({"rules": [{"start": "adhoc"}]})
    world.psa.has_ticket("1")
    world.interpret(world.ticket_changed("1"))
    world.rows("UPDATE command SET delivery_id = (SELECT id FROM delivery)")
    age(world, "delivery", 31)
    pass_watermarks(world)
    assert prune(world.context).deliveries == 1
    assert world.one("SELECT delivery_id FROM command") is None


def test_how_long_things_are_kept_is_a_setting(world):
    deliveries(world, "ignored")
    upkeep = replace(world.context.upkeep, keep_deliveries=world.context.upkeep.keep_commands)
    assert prune(replace(world.context, upkeep=upkeep)).deliveries == 0
