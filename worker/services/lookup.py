"""Find rows by the names people use: a name, an email, or an id. Refuses what is not there."""

from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select

from worker.db.models import AccountRow, ConnectionRow, FlowRow, FlowVersionRow, UserRow
from worker.db.unit_of_work import Across, Transaction
from worker.errors import Refusal


def account(tx: Across, name: str) -> AccountRow:
    """Return the account with this name or id."""
    row = tx.session.scalars(select(AccountRow).where(_named(AccountRow, name))).one_or_none()
    if row is None:
        raise Refusal("unknown_account", f'there is no account "{name}" (see: ticketwalk account list)')
    return row


def owner_of_connection(tx: Across, name: str) -> UUID:
    """Return the one account that has a connection of this name or id."""
    query = select(ConnectionRow.account_id).where(_named(ConnectionRow, name))
    owners = tx.session.scalars(query.limit(2)).all()
    if not owners:
        raise _unknown_connection(name)
    if len(owners) > 1:
        raise Refusal(
            "ambiguous_connection",
            f'more than one account has a connection "{name}"; give its account or its id',
        )
    return owners[0]


def connection(tx: Transaction, name: str) -> ConnectionRow:
    """Return the account's connection with this name or id."""
    query = select(ConnectionRow).where(
        ConnectionRow.account_id == tx.account_id, _named(ConnectionRow, name)
    )
    row = tx.session.scalars(query).one_or_none()
    if row is None:
        raise _unknown_connection(name)
    return row


def user(tx: Transaction, name: str, *, account_id: UUID) -> UserRow:
    """Return the account's user with this email or id."""
    wanted = [func.lower(UserRow.email) == name.lower()]
    if (user_id := _as_uuid(name)) is not None:
        wanted.append(UserRow.id == user_id)
    query = select(UserRow).where(UserRow.account_id == account_id, or_(*wanted))
    row = tx.session.scalars(query).one_or_none()
    if row is None:
        raise Refusal("unknown_user", f'the account has no user "{name}" (see: ticketwalk user list)')
    return row


def member(tx: Transaction, psa_member_id: str, *, account_id: UUID) -> UserRow | None:
    """Return the account's user who is this member in the PSA, or None."""
    query = select(UserRow).where(
        UserRow.account_id == account_id, func.lower(UserRow.psa_member_id) == psa_member_id.lower()
    )
    return tx.session.scalars(query.order_by(UserRow.created_at).limit(1)).one_or_none()


def newest_flow_version(tx: Transaction, name: str, *, account_id: UUID) -> tuple[FlowRow, FlowVersionRow]:
    """Return the account's flow with this name or id, and its newest version."""
    query = (
        select(FlowRow, FlowVersionRow)
        .join(FlowVersionRow, FlowVersionRow.flow_id == FlowRow.id)
        .where(FlowRow.account_id == account_id, _named(FlowRow, name))
        .order_by(FlowVersionRow.version.desc())
        .limit(1)
    )
    found = tx.session.execute(query).one_or_none()
    if found is None:
        raise Refusal("unknown_flow", f'the account has no flow "{name}" (see: ticketwalk flow list)')
    return found[0], found[1]


def _unknown_connection(name: str) -> Refusal:
    return Refusal("unknown_connection", f'there is no connection "{name}" (see: ticketwalk connection list)')


def _named(model: type[AccountRow | ConnectionRow | FlowRow], name: str) -> ColumnElement[bool]:
    """A text that is an id means the id, also where somebody named a row of theirs like it."""
    row_id = _as_uuid(name)
    return model.name == name if row_id is None else model.id == row_id


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
