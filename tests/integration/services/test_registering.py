"""Whether a PSA calls this service, and what is done where it does not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from integrations.errors import RejectedError, UnreachableError
from integrations.ports import Registration
from worker.db.models import ConnectionRow
from worker.services.health import every_health, health_of
from worker.services.notices import notice_unsigned
from worker.services.registering import check, hint_checks, look, register

pytestmark = pytest.mark.integration

DISABLED = Registration(("7",), ("callback 7 is inactive",))
MISSING = Registration((), ("no callback is registered for this connection",))


@pytest.fixture
def context(context):
    return replace(context, public_url="https://hooks.example")


@pytest.fixture
def row(world) -> ConnectionRow:
    return connection(world, world.home_tenant.psa)


def connection(world, row_id: str) -> ConnectionRow:
    with world.context.uow.begin(world.home_tenant.account_id) as tx:
        found: ConnectionRow = tx.session.get_one(ConnectionRow, UUID(row_id))
        assert found.secrets
        return found


def state(world, columns: str) -> Any:
    query = f"SELECT {columns} FROM connection_state WHERE connection_id = :id"  # noqa: S608 - literals
    return world.one(query, id=world.home_tenant.psa)


def checked(world, **more: Any) -> Any:
    return check(world.context, connection=world.home_tenant.psa, **more)


def problems(world, row) -> tuple[str, ...]:
    with world.context.uow.begin(row.account_id) as tx:
        return health_of(world.context, tx, row).problems


def test_registering_tells_the_psa_the_public_address_and_is_safe_to_repeat(world, row):
    url = f"https://hooks.example/webhooks/connectwise/{row.id}"
    for _ in range(2):
        assert register(world.context, row) == Registration(("1",))
    assert world.psa.calls == [("register", url)] * 2
    assert state(world, "registered_at IS NOT NULL, problems") == (True, [])


@pytest.mark.parametrize("url", ["http://127.0.0.1:8700", "https://10.0.0.1", "http://hooks.example"])
def test_an_address_that_no_psa_can_reach_is_never_registered(world, row, url):
    with pytest.raises(world.refusal, match="set TICKETWALK_PUBLIC_URL"):
        register(replace(world.context, public_url=url), row)
    assert world.psa.calls == []


def test_what_is_wrong_is_kept_and_shown(world, row):
    world.psa.registered = DISABLED
    assert look(world.context, row) == DISABLED
    assert problems(world, row) == ("callback 7 is inactive",)
    assert world.psa.count("register") == 0, "a look changes nothing"


def test_a_disabled_webhook_is_armed_again(world, row):
    world.psa.registered = DISABLED
    assert checked(world) == "applied"
    assert world.psa.count("register") == 1
    assert problems(world, row) == ()
    assert state(world, "checked_at IS NOT NULL, check_due_at > now() + interval '59 minutes'") == (
        True,
        True,
    )


def test_one_that_is_gone_is_made_again_only_where_it_was_made_from_here(world, row):
    world.psa.registered = MISSING
    checked(world)
    assert world.psa.count("register") == 0
    assert problems(world, row) == MISSING.problems
    register(world.context, row)
    world.psa.registered = MISSING
    checked(world)
    assert world.psa.count("register") == 2
    assert problems(world, row) == ()


def test_one_that_stands_is_left_as_it_is(world):
    world.psa.registered = Registration(("7",))
    checked(world)
    assert [call[0] for call in world.psa.calls] == ["registration"]


@pytest.mark.parametrize("error", [UnreachableError("no route"), RejectedError("HTTP 403")])
def test_a_registration_that_cannot_be_read_is_a_problem_that_is_shown(world, row, error):
    world.psa.next_calls("registration", error)
    assert checked(world) == "waiting"
    assert problems(world, row) == (f"what is registered cannot be read: {error}",)


def test_a_check_is_made_once_per_interval_and_not_while_the_connection_is_paused(world):
    assert checked(world, only_due=True) == "applied"
    assert checked(world, only_due=True) == "waiting"
    world.rows("UPDATE connection_state SET paused_until = now() + interval '7 minutes'")
    assert checked(world) == "waiting"
    assert world.psa.count("registration") == 1
    assert state(world, "paused_until - check_due_at < interval '1 second', problems") == (True, [])


def test_the_beat_hints_at_checks_that_are_due(world):
    assert hint_checks(world.context) == 2
    assert {hint.task for hint in world.published} == {"psa.check_registration"}
    checked(world)
    check(world.context, connection=world.home_tenant.standard, only_due=True)
    assert hint_checks(world.context) == 0


def test_an_unsigned_notice_moves_the_next_check_and_nothing_else(world):
    checked(world)
    world.rows("UPDATE connection_state SET checked_at = now() - interval '11 minutes'")
    before = state(world, "to_jsonb(connection_state) - 'check_due_at'")
    notice_unsigned(world.context, UUID(world.home_tenant.psa))
    assert state(world, "check_due_at <= now()")
    assert state(world, "to_jsonb(connection_state) - 'check_due_at'") == before
    assert world.psa.count("registration") == 1, "the look is a task's"


def test_notices_are_heeded_at_most_once_in_ten_minutes(world):
    checked(world)
    notice_unsigned(world.context, UUID(world.home_tenant.psa))
    assert state(world, "check_due_at > now() + interval '59 minutes'")


def test_a_notice_about_no_connection_changes_nothing(world):
    notice_unsigned(world.context, uuid4())
    assert world.one("SELECT count(*) FROM connection_state") == 2


def test_a_sender_of_commands_is_set_up_in_its_own_tool(world):
    standard = connection(world, world.home_tenant.standard)
    for use_case in (register, look):
        with pytest.raises(world.refusal, match="set up in the tool that sends them"):
            use_case(world.context, standard)
    check(world.context, connection=world.home_tenant.standard)
    assert world.context.providers["standard"].psa.calls == []


# Silence.


def silent(world) -> Any:
    return next(one for one in every_health(world.context) if str(one.connection.id) == world.home_tenant.psa)


def test_silence_is_told_when_tickets_changed_and_no_webhook_came_for_a_while(world):
    world.rows("UPDATE connection SET created_at = now() - interval '1 day'")
    assert silent(world).silent is None, "nothing changed, so nothing was missed"
    world.rows("UPDATE connection_state SET missed_since_delivery = 3, last_delivery_at = now()")
    assert silent(world).silent is None, "a reconcile may be faster than a webhook"
    world.rows("UPDATE connection_state SET last_delivery_at = now() - interval '40 minutes'")
    told = silent(world)
    assert timedelta(minutes=40) <= told.silent < timedelta(minutes=41)
    assert told.problems == (
        "no webhook for 40 minutes, though the PSA changed 3 tickets: ticketwalk connection check",
    )
    world.ticket_changed("1")
    assert silent(world).problems == ()


def test_a_connection_that_never_had_a_webhook_is_silent_since_it_was_made(world):
    world.rows("UPDATE connection SET created_at = now() - interval '2 hours'")
    world.rows("UPDATE connection_state SET missed_since_delivery = 1")
    assert silent(world).silent >= timedelta(hours=2)


def test_a_pause_is_told_with_its_reason(world):
    world.rows(
        "UPDATE connection_state SET failures = 5, pause_reason = 'no route',"
        " paused_until = '2999-01-02T03:04:05Z' WHERE connection_id = :id",
        id=world.home_tenant.psa,
    )
    assert silent(world).problems == ("paused until 2999-01-02T03:04:05+00:00: no route",)
