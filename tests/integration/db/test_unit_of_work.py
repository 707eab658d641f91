"""One transaction per use case, and the hints that follow its commit."""

from datetime import UTC
from uuid import uuid4

import pytest

from worker.db.engine import make_engine
from worker.db.models import AccountRow, TicketRow
from worker.db.unit_of_work import UnitOfWork
from worker.errors import StoreUnavailableError

pytestmark = pytest.mark.integration

#: An account that is made.
NEW = uuid4()


def test_hints_are_published_after_the_commit_and_each_once(world):
    world.published.clear()
    with world.context.uow.begin(NEW) as tx:
        tx.session.add(AccountRow(id=NEW, name="New"))
        for _ in range(3):
            tx.hint("psa.push", outbox_id=1)
        tx.hint("psa.push", outbox_id=2)
        assert world.published == []
    assert [hint.arguments for hint in world.published] == [{"outbox_id": 1}, {"outbox_id": 2}]


def test_a_transaction_that_fails_leaves_nothing_and_wakes_nobody(world):
    world.published.clear()
    with pytest.raises(ZeroDivisionError), world.context.uow.begin(NEW) as tx:  # noqa: PT012 - it raises last
        tx.session.add(AccountRow(id=NEW, name="New"))
        tx.session.flush()
        tx.hint("psa.push", outbox_id=1)
        raise ZeroDivisionError
    assert (world.one("SELECT count(*) FROM account"), world.published) == (1, [])


def test_the_clock_is_the_databases_and_stands_still_within_a_transaction(world):
    with world.context.uow.across() as tx:
        assert tx.now is tx.now
        assert tx.now.utcoffset() == UTC.utcoffset(None)


def test_asking_for_the_time_writes_no_row_that_is_half_changed(world):
    world.started()
    with world.context.uow.begin(world.home_tenant.account_id) as tx:
        ticket = tx.session.get_one(TicketRow, world.lane().ticket_id)
        ticket.kind = "nonsense until it is put right"
        assert tx.now
        ticket.kind = "psa"


def test_a_store_that_does_not_answer_is_said_to_be_unavailable(publisher):
    nowhere = make_engine("postgresql+psycopg://nobody@/nothing?host=/nonexistent&port=5432")
    with (
        pytest.raises(StoreUnavailableError, match="PostgreSQL does not answer"),
        UnitOfWork(nowhere, publisher).across(),
    ):
        pass
    nowhere.dispose()
