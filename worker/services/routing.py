"""Whose a row is: the one thing that is asked across accounts. What a row says is read in its account."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from worker.db.models import AccountRow, CommandRow, ConnectionRow, DeliveryRow, OutboxRow, SessionRow
from worker.db.unit_of_work import Transaction
from worker.errors import Refusal
from worker.services import lookup
from worker.services.context import Context

Routed = type[CommandRow] | type[ConnectionRow] | type[DeliveryRow] | type[OutboxRow] | type[SessionRow]

#: What a refusal says where there is no such row: its code and its sentence.
_UNKNOWN: dict[Routed, tuple[str, str]] = {
    CommandRow: ("unknown_command", "there is no command {}"),
    ConnectionRow: ("unknown_connection", "there is no connection {} (see: ticketwalk connection list)"),
    DeliveryRow: ("unknown_delivery", "there is no delivery {}"),
    OutboxRow: ("unknown_entry", "there is no outbox entry {}"),
    SessionRow: ("unknown_session", "there is no walk session {} (see: ticketwalk walk list)"),
}


def find_account(context: Context, model: Routed, row_id: Any) -> UUID | None:
    """Return the account that the row of this id belongs to, or None."""
    with context.uow.across() as tx:
        return tx.session.scalars(select(model.account_id).where(model.id == row_id)).one_or_none()


def account_of(context: Context, model: Routed, row_id: Any) -> UUID:
    """Return the account that the row of this id belongs to. Refuses an id that there is none of."""
    account_id = find_account(context, model, row_id)
    if account_id is None:
        raise unknown(model, row_id)
    return account_id


def unknown(model: Routed, row_id: Any) -> Refusal:
    """Return the refusal of an id that there is no row of, or none in the account it was looked for in."""
    code, sentence = _UNKNOWN[model]
    return Refusal(code, sentence.format(row_id))


def account_named(context: Context, name: str) -> UUID:
    """Return the account with this name or id. Refuses what is not there."""
    with context.uow.across() as tx:
        return lookup.account(tx, name).id


def account_of_connection(context: Context, name: str) -> UUID:
    """Return the account that has the connection of this name or id. Refuses one that two accounts have."""
    with context.uow.across() as tx:
        return lookup.owner_of_connection(tx, name)


def account_ids(context: Context) -> Sequence[UUID]:
    """Return the ids of all accounts, in their order."""
    with context.uow.across() as tx:
        return tx.session.scalars(select(AccountRow.id).order_by(AccountRow.id)).all()


def each_account(context: Context, name: str | None = None) -> Iterator[Transaction]:
    """Yield a transaction of every account in turn, by id; only of one account where it is named."""
    ids = [account_named(context, name)] if name else account_ids(context)
    for account_id in ids:
        with context.uow.begin(account_id) as account_tx:
            yield account_tx
