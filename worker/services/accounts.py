"""Accounts, their users, and their connections: what an engineer sets up once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from integrations.ports import Link
from worker.db.models import AccountRow, ConnectionRow, ConnectionStateRow, UserRow
from worker.domain.pace import FIRST_PATIENCE, CallLimit, hourly
from worker.domain.text import check_name, storable_json
from worker.domain.triggers import parse_rules
from worker.domain.words import Role
from worker.errors import Refusal
from worker.services import routing
from worker.services.context import Context
from worker.services.pacing import LinkPace
from worker.services.vault import Secrets


@dataclass(frozen=True, slots=True)
class NewConnection:
    """What `connection add` takes. `rules` is the parsed rules file."""

    account: str
    provider: str
    name: str
    base_url: str
    credentials: Mapping[str, str]
    webhook_secrets: tuple[str, ...]
    rules: Any = None


def add_account(context: Context, name: str) -> UUID:
    """Make an account. Refuses a name that is taken."""
    _refuse_unusable("the account's name", name)
    # its id is made here: a row is written only in the account that it belongs to
    row = AccountRow(id=uuid4(), name=name)
    return _insert(context, row, row.id, taken=f'there is an account "{name}" already')


def add_user(
    context: Context, *, account: str, email: str, role: Role, can_cover_l1: bool, psa_member: str | None
) -> UUID:
    """Make a user of an account. Refuses an email that is taken."""
    _refuse_unusable("the email", email)
    if psa_member is not None:
        _refuse_unusable("the PSA member", psa_member)
    if "@" not in email:
        raise Refusal("invalid", f'"{email}" is no email address')
    account_id = routing.account_named(context, account)
    row = UserRow(
        account_id=account_id,
        email=email,
        role=role.value,
        can_cover_l1=can_cover_l1,
        psa_member_id=psa_member,
    )
    return _insert(context, row, account_id, taken=f'the account has a user "{email}" already')


def add_connection(context: Context, new: NewConnection) -> UUID:
    """Make a connection; its secrets are sealed. Refuses what its provider could not work with."""
    _refuse_unusable("the connection's name", new.name)
    provider = context.providers.get(new.provider)
    if provider is None:
        known = ", ".join(context.providers)
        raise Refusal("unknown_provider", f'there is no provider "{new.provider}"; known are {known}')
    _check_names(new, provider.credential_names)
    if provider.needs_webhook_secret and not new.webhook_secrets:
        raise Refusal("invalid", f"{new.provider} signs its deliveries with a secret: give --webhook-secret")
    if provider.carries_commands and new.rules and not _only_limits(new.rules):
        raise Refusal(
            "invalid",
            f"{new.provider} deliveries say themselves what to start; they take no rules but limits",
        )
    secrets = Secrets(new.credentials, new.webhook_secrets)
    try:
        rules = parse_rules(storable_json(new.rules)).model_dump(mode="json", exclude_none=True)
        provider.check_link(_link("new", new.base_url, secrets, context))
    except ValueError as error:
        raise Refusal("invalid", str(error)) from None
    account_id = routing.account_named(context, new.account)
    row = ConnectionRow(
        id=uuid4(),
        account_id=account_id,
        provider=new.provider,
        name=new.name,
        base_url=new.base_url.rstrip("/"),
        secrets=context.vault.seal(secrets),
        rules=rules,
    )
    # at first there is nothing to find: webhooks get their time, and a person theirs to register them
    state = ConnectionStateRow(
        connection_id=row.id,
        account_id=account_id,
        reconcile_due_at=func.now() + context.upkeep.reconcile_every,
        check_due_at=func.now() + context.upkeep.check_every,
    )
    taken = f'the account has a connection "{new.name}" already'
    return _insert(context, row, account_id, state, taken=taken)


def open_link(context: Context, row: ConnectionRow, *, patience: timedelta = FIRST_PATIENCE) -> Link:
    """Return the connection as its provider needs it, secrets opened, its calls paced.

    `patience`: how long the work that it is for waits for its first call.
    """
    link = link_of(context, row, context.vault.open(row.secrets))
    limit = _call_limit(context, row)
    return replace(link, pace=LinkPace(context.pacer, link.connection_id, limit, patience=patience))


def link_of(context: Context, row: ConnectionRow, secrets: Secrets) -> Link:
    """Return the connection as its provider would need it with these secrets."""
    return _link(str(row.id), row.base_url, secrets, context)


def list_accounts(context: Context) -> Sequence[AccountRow]:
    """Return all accounts by name."""
    with context.uow.across() as tx:
        return tx.session.scalars(select(AccountRow).order_by(AccountRow.name)).all()


def list_users(context: Context, account: str | None) -> Sequence[UserRow]:
    """Return the users of one account, or of all."""
    query = select(UserRow).order_by(UserRow.email)
    return [row for tx in routing.each_account(context, account) for row in tx.session.scalars(query)]


def _refuse_unusable(what: str, name: str) -> None:
    try:
        check_name(what, name)
    except ValueError as error:
        raise Refusal("invalid", str(error)) from None


def _only_limits(rules: Any) -> bool:
    return isinstance(rules, Mapping) and rules.keys() <= {"limits"}


def _check_names(new: NewConnection, expected: Sequence[str]) -> None:
    missing = [name for name in expected if not new.credentials.get(name)]
    if missing:
        raise Refusal("invalid", f"{new.provider} needs --credential {missing[0]}=VALUE")


def _link(connection_id: str, base_url: str, secrets: Secrets, context: Context) -> Link:
    return Link(
        connection_id=connection_id,
        base_url=base_url,
        credentials=secrets.credentials,
        webhook_secrets=secrets.webhook_secrets,
        allow_private_hosts=context.allow_private_hosts,
    )


def _call_limit(context: Context, row: ConnectionRow) -> CallLimit:
    """What the connection's rules allow, or else its provider."""
    allowed = parse_rules(row.rules).limits.calls_per_minute
    return CallLimit(allowed) if allowed else hourly(context.providers[row.provider].calls_per_hour)


def _insert(
    context: Context,
    row: AccountRow | UserRow | ConnectionRow,
    account_id: UUID,
    *more: ConnectionStateRow,
    taken: str,
) -> UUID:
    try:
        with context.uow.begin(account_id) as tx:
            tx.session.add(row)
            tx.session.flush()  # what belongs to the row comes after it
            tx.session.add_all(more)
    except IntegrityError as error:
        raise Refusal("taken", taken) from error
    return row.id
